import { join } from 'node:path'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { removeTemporaries, temporary } from '../transfer/tree.ts'
import { json, jsonLines, ok, vivefs } from './terminal.ts'

let volume: string
beforeEach(async () => {
  volume = join(temporary(), 'volume')
  await ok('mkfs', volume)
})
afterAll(removeTemporaries)

it('is turned on, read, bounded and turned off', async () => {
  const off = await vivefs('changes', volume)
  expect(off.code).toBe(1)
  expect(off.err).toContain('ERR_VIVEFS_CHANGES_OFF')
  expect(await json('changes', volume, '--on', '--keep-count', '100')).toMatchObject({ isOn: true, entries: 0 })
  await ok('mkdir', `${volume}:/d`)
  await ok('mkdir', `${volume}:/d/e`)
  await ok('mv', `${volume}:/d/e`, '/f')
  const entries = await jsonLines('changes', volume)
  expect(entries.map(({ changes }) => (changes as { kind: string }[])[0]!.kind)).toEqual(['create', 'create', 'rename'])
  const text = await ok('changes', volume, '--since', String(entries[1]!.seq))
  expect(text).toMatch(/^\d+ {2}\S+Z {2}0 {2}rename {2}\/d\/e -> \/f\n$/)
  expect(await ok('changes', volume, '--status')).toContain('3 entries')
  expect(await json('changes', volume, '--off')).toEqual({ isOn: false })
  expect((await vivefs('changes', volume, '--keep-count', '5')).code).toBe(2)
})
