import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory } from '@vivefs/media'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main } from '../src/cli/command.ts'
import { runAsync, Volume } from '../src/index.ts'

let directory = ''
let place = ''

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pfaof-cli-'))
  place = `ssd=${join(directory, 'd')}`
  const medium = await openDirectory({ path: join(directory, 'd'), zoneCount: 8, zoneBytes: 64 << 10, reserveBytes: 0 })
  const volume = await Volume.create({ media: { ssd: medium } })
  const file = await runAsync(volume.create({ name: 'log', media: ['ssd'] }))
  await runAsync(file.append([Buffer.alloc(10_000, 'x')]))
  await volume.close()
  await medium.close()
})

afterAll(() => rm(directory, { recursive: true }))

async function run(...argv: string[]): Promise<{ code: number; out: string[]; complaints: string[] }> {
  const out: string[] = []
  const complaints: string[] = []
  const code = await main(
    argv,
    (line) => out.push(line),
    (line) => complaints.push(line),
  )
  return { code, out, complaints }
}

describe('pfaof', () => {
  test('--help has an example', async () => {
    const { code, out } = await run('--help')
    expect(code).toBe(0)
    expect(out.join('\n')).toContain('Example:')
  })

  test('media lists what is there', async () => {
    const { code, out } = await run('media', '--json')
    expect(code).toBe(0)
    for (const line of out) {
      const found = JSON.parse(line)
      expect(found.path).toMatch(/^\//)
      // Nothing is said to be drivable that is in use.
      if (found.driver === undefined) expect(found.note).toBeTypeOf('string')
    }
    expect((await run('media', 'x=y')).code).toBe(2)
  })

  test('ls', async () => {
    const { code, out } = await run('ls', place, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out[0]!)).toMatchObject({ name: 'log', size: 10_000, sealed: true })
    expect((await run('ls', place)).out[0]).toContain('name=log')
  })

  test('dump shows superblocks, table edits and chunks', async () => {
    const { code, out } = await run('dump', place, '--json')
    expect(code).toBe(0)
    const entries = out.map((line) => JSON.parse(line) as { owner: string; edits?: { tag: string }[]; sound: boolean })
    expect(entries.every(({ sound }) => sound)).toBe(true)
    expect(new Set(entries.map(({ owner }) => owner))).toEqual(new Set(['superblock', 'table', 'file']))
    expect(entries.flatMap(({ edits }) => edits ?? []).map(({ tag }) => tag)).toContain('create')
  })

  test('scrub of a sound volume says nothing and exits with 0', async () => {
    expect(await run('scrub', place)).toEqual({ code: 0, out: [], complaints: [] })
  })

  test('wrong use exits with 2, failure with 1', async () => {
    expect((await run()).code).toBe(2)
    expect((await run('ls')).code).toBe(2)
    expect((await run('sing', place)).code).toBe(2)
    expect((await run('ls', 'nonsense')).code).toBe(2)
    expect((await run('ls', place, '--loud')).code).toBe(2)
    expect((await run('ls', 'ssd={not json')).code).toBe(2)
    const { code, complaints } = await run('ls', `other=${join(directory, 'd')}`)
    expect(code).toBe(1)
    expect(complaints[0]).toContain('PFAOF_WRONG_MEDIUM')
  })
})
