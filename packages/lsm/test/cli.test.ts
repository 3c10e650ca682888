import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory } from '@vivefs/media'
import { runAsync, Volume } from '@vivefs/pfaof'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../src/cli/program.ts'
import { LsmLevel, repair } from '../src/index.ts'

let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-cli-'))
  const level = new LsmLevel(join(directory, 'db'), { worker: false })
  await level.batch([
    { type: 'put', key: 'a', value: 'one' },
    { type: 'put', key: 'b', value: 'two' },
  ])
  await level.flush()
  await level.del('a')
  await level.deleteRange('x', 'z')
  await level.keepSnapshot('friday')
  await level.close()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function cli(...args: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  const out: string[] = []
  const err: string[] = []
  const code = await run(args, { line: (text) => out.push(...text.split('\n')), complain: (text) => err.push(text) })
  return { code, out, err }
}

test('help shows examples, and wrong use ends with 2', async () => {
  const help = await cli('--help')
  expect(help.code).toBe(0)
  expect(help.out.join('\n')).toContain('vivelsm stats ./db')
  expect((await cli('frobnicate')).code).toBe(2)
  expect((await cli('dump', directory, 'table')).code).toBe(2)
  expect((await cli('dump', directory, 'table', 'x')).code).toBe(2)
})

test.each(['stats', 'dump', 'map', 'watch', 'trace', 'simulate', 'verify', 'repair'])(
  '%s has help with an example, and takes --json',
  async (command) => {
    const help = await cli(command, '--help')
    const text = help.out.join('\n')
    expect(help.code).toBe(0)
    expect(text).toMatch(/Examples?:\n {2}vivelsm/)
    expect(text).toContain('--json')
    expect((await cli(command, '--frobnicate')).code).toBe(2)
  },
)

test('a database on media of its own is described in a file', async () => {
  const [first, second, described] = ['first', 'second', 'media.json'].map((name) => join(directory, name)) as string[]
  const specs = { first: { kind: 'directory', path: first }, second: { kind: 'directory', path: second } }
  writeFileSync(described!, JSON.stringify({ media: specs }))
  const media = { first: openDirectory({ path: first! }), second: openDirectory({ path: second! }) }
  const level = new LsmLevel('two media', { worker: false, media })
  await level.put('a', 'one', { sync: true } as never)
  await level.close()
  for (const medium of Object.values(media)) await medium.close()
  const on = ['anywhere', '--media', described!]
  expect(JSON.parse((await cli('stats', ...on, '--json')).out[0]!).lastSequence).toBe(1)
  expect((await cli('dump', ...on)).out.join()).toMatch(/log-\d+/)
  expect(await cli('verify', ...on, '--json')).toMatchObject({ code: 0, out: [] })
  const repaired = await cli('repair', ...on, '--json')
  expect(JSON.parse(repaired.out[0]!)).toMatchObject({ logs: 1, entries: 1, damaged: [], dryRun: false })
  expect((await cli('stats', 'anywhere', '--media', join(directory, 'absent'))).code).toBe(1)
})

test('stats, as a table and as JSON', async () => {
  const { code, out } = await cli('stats', join(directory, 'db'))
  expect(code).toBe(0)
  expect(out.join('\n')).toMatch(/level.*tables.*size.*entries/)
  const json = JSON.parse((await cli('stats', join(directory, 'db'), '--json')).out[0]!)
  expect(json.tables.count).toBe(1)
  expect(json.keptSnapshots).toEqual([{ name: 'friday', createdMs: expect.any(Number) }])
})

test('dump shows files and what is in them', async () => {
  const db = join(directory, 'db')
  const files = (await cli('dump', db, '--json')).out.map((line) => JSON.parse(line))
  const number = (kind: string) => String(files.find((file) => file.kind === kind && file.bytes > 0).number)
  expect((await cli('dump', db, 'table', number('table'))).out).toEqual(
    expect.arrayContaining(['1 put a = one', '2 put b = two']),
  )
  const log = (await cli('dump', db, 'log', number('log'))).out
  expect(log).toEqual(expect.arrayContaining(['  3 del a', '  4 deleteRange x = z']))
  expect((await cli('dump', db, 'manifest', number('manifest'))).out.join('\n')).toContain('+ snapshot friday at 4')
  expect((await cli('dump', db, 'table', '999')).err[0]).toContain('table-999 is missing')
})

test('verify finds damage, and repair brings back what a lost manifest held', async () => {
  const db = join(directory, 'db')
  expect(await cli('verify', db)).toMatchObject({ code: 0, out: ['sound'] })
  const main = openDirectory({ path: db })
  const volume = await Volume.open({ media: { main } })
  for (const { name } of [...volume.list()]) if (name!.startsWith('manifest')) await runAsync(volume.delete(name!))
  await volume.close()
  await main.close()
  const lost = await cli('verify', db)
  expect(lost.code).toBe(1)
  expect(lost.out[0]).toContain('manifest')
  await expect(new LsmLevel(db).open()).rejects.toMatchObject({ cause: { code: 'LEVEL_CORRUPTION' } })
  expect((await cli('repair', db, '--dry-run')).out.at(-1)).toBe('nothing was changed')
  expect(await repair(db, { dryRun: true })).toMatchObject({ damaged: [], entries: 0 })
  expect((await cli('repair', db, '--json')).code).toBe(0)
  expect((await cli('verify', db)).code).toBe(0)
  const level = new LsmLevel(db, { worker: false })
  expect(await level.iterator().all()).toEqual([['b', 'two']])
  await level.close()
})
