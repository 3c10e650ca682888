import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { LsmLevel } from '../../src/index.ts'
import { decodeOperation, WORKLOADS } from '../../src/simulate/trace.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-simulate-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await run(args, { line: (text) => out.push(text), complain: (text) => err.push(text) })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

async function traceFile(...args: string[]): Promise<string> {
  const { code, out } = await cli('trace', ...args)
  expect(code).toBe(0)
  const path = join(directory, 'trace.jsonl')
  writeFileSync(path, out)
  return path
}

describe('a trace', () => {
  test('of a seed is always the same, and every line decodes', async () => {
    for (const workload of Object.keys(WORKLOADS)) {
      const { out } = await cli('trace', '--workload', workload, '--count', '300', '--seed', '7')
      expect((await cli('trace', '--workload', workload, '--count', '300', '--seed', '7')).out).toBe(out)
      const [header, ...lines] = out.split('\n')
      expect(JSON.parse(header!)).toEqual({ trace: 'vivelsm', version: 1 })
      for (const line of lines) expect(decodeOperation(line)).not.toHaveProperty('fault')
    }
  })

  test('that is none is refused with the line', async () => {
    for (const line of ['{', '5', '{"op":"put","key":"a"}', '{"op":"dance"}', '{"op":"get"}', '{"op":"wait","ms":-1}'])
      expect(decodeOperation(line)).toHaveProperty('fault')
    const path = join(directory, 'bad.jsonl')
    writeFileSync(path, '{"trace":"vivelsm","version":1}\n{"op":"sync"}\n{"op":"dance"}\n')
    const bad = await cli('simulate', '--policy', 'single:nvme', '--trace', path)
    expect(bad).toMatchObject({ code: 1, err: expect.stringContaining('line 3: unknown operation dance') })
    writeFileSync(path, '{"trace":"vivelsm","version":2}\n')
    expect((await cli('simulate', '--policy', 'single:nvme', '--trace', path)).err).toContain(
      'version 2; this code knows 1',
    )
    expect((await cli('simulate', '--trace', path)).code).toBe(2)
  })
})

describe('simulate', () => {
  test('shows what a tape costs a reader: an archive sinks what is old, one SSD keeps all near', async () => {
    const trace = await traceFile('--workload', 'archive', '--count', '3000', '--value', '1000')
    const json = async (policy: string) => {
      const { code, out, err } = await cli('simulate', '--policy', policy, '--trace', trace, '--json')
      expect(err).toBe('')
      expect(code).toBe(0)
      return JSON.parse(out)
    }
    const [near, far] = [await json('single:nvme'), await json('archive:nvme,smr,tape')]
    const medium = (report: { media: { name: string; bytesWritten: number; resets: number }[] }, name: string) =>
      report.media.find((one) => one.name === name)!
    expect(near.elapsedMs).toBeGreaterThanOrEqual(60 * 24 * 3_600_000)
    expect(medium(near, 'smr').bytesWritten).toBeLessThan(100_000)
    expect(medium(far, 'smr').bytesWritten).toBeGreaterThan(200_000)
    expect(far.getMs.max).toBeGreaterThan(near.getMs.max)
    expect(near.writeAmplification).toBeGreaterThan(1)
    expect(near.bytesPut).toBe(far.bytesPut)
  }, 60_000)

  test('takes a policy and media from files, and prints a table', async () => {
    const policy = join(directory, 'policy.mjs')
    writeFileSync(policy, 'export default { name: "mine", place: () => ({ media: ["a"] }) }')
    const media = join(directory, 'media.json')
    writeFileSync(media, JSON.stringify({ media: { a: { kind: 'smr', conventionalZones: 0, pricePerGiB: 2 } } }))
    const trace = await traceFile('--count', '2000')
    const { code, out, err } = await cli('simulate', '--policy', policy, '--trace', trace, '--media', media)
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toMatch(/2000 operations in .* of the model/)
    expect(out).toMatch(/seeks.*resets/)
    expect(out).toContain('policy mine')
  }, 60_000)
})

describe('map and watch', () => {
  test('of a directory: a table, JSON, a page that needs nothing else', async () => {
    const location = join(directory, 'db')
    const level = new LsmLevel(location, { worker: false })
    for (let i = 0; i < 100; i++) await level.put(`<key> ${i}`, 'x'.repeat(100))
    await level.flush()
    await level.close()
    expect((await cli('map', location)).out).toMatch(/policy in order[\s\S]*level 0.*1 files/)
    expect(JSON.parse((await cli('map', location, '--json')).out).files.length).toBeGreaterThan(1)
    const html = join(directory, 'map.html')
    expect((await cli('map', location, '--html', html)).code).toBe(0)
    const page = readFileSync(html, 'utf8')
    expect(page).toContain('<svg')
    expect(page).not.toMatch(/(src|href)=|https?:\/\/(?!www\.w3\.org)/)
    const watched = await cli('watch', location, '--every', '0.01', '--count', '2', '--json')
    expect(watched.out.split('\n')).toHaveLength(2)
    expect((await cli('watch', location, '--every', '0')).code).toBe(1)
    expect((await cli('map', join(directory, 'nowhere'))).err).toContain('LEVEL_MISSING')
  })
})
