/** A checkpoint of a database in a directory shares what is finished, and neither of the two can harm the other. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory } from '@vivefs/media'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { type Options, SMALL } from '../configurations.ts'

const options: Options = { ...SMALL, worker: false, separateBytes: 1000 }
const KEYS = 600

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-checkpoint-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A tenth of the values lies apart from the keys. */
async function write(level: LsmLevel, round: string): Promise<void> {
  for (let i = 0; i < KEYS; i++) await level.put(`k${i}`, round.padEnd(i % 10 === 0 ? 2000 : 200, 'x'))
}

async function holds(level: LsmLevel, round: string): Promise<void> {
  const rows = await level.iterator().all()
  expect(rows).toHaveLength(KEYS)
  for (const [key, value] of rows) expect(value.startsWith(`${round}x`), key).toBe(true)
}

test('finished files have two names', async () => {
  const [from, to] = [join(directory, 'from'), join(directory, 'to')]
  const medium = openDirectory({ path: from, zoneBytes: 64 << 10, zoneCount: 400 })
  const level = new LsmLevel(from, { ...options, media: { main: medium } })
  await write(level, 'one')
  await level.keepSnapshot('kept')
  const { linkedFiles, copiedFiles } = await level.checkpoint(to)
  const zones = readdirSync(join(to, 'zones')).map((name) => statSync(join(to, 'zones', name)))
  expect(zones.filter(({ nlink }) => nlink === 2)).toHaveLength(linkedFiles)
  expect(zones).toHaveLength(linkedFiles + copiedFiles)
  expect(linkedFiles).toBeGreaterThan(2)
  const shared = zones.filter(({ nlink }) => nlink === 2).reduce((sum, { size }) => sum + size, 0)
  expect(shared).toBeGreaterThan(KEYS * 100)
  const copy = new LsmLevel(to, options)
  await copy.open()
  await holds(copy, 'one')
  expect(copy.keptSnapshots().map(({ name }) => name)).toEqual(['kept'])
  // Both write everything anew and use their space again, and each keeps what the snapshot holds.
  for (const [one, round] of [
    [level, 'two'],
    [copy, 'three'],
  ] as const) {
    await write(one, round)
    await one.compactRange()
  }
  for (const [one, round] of [
    [level, 'two'],
    [copy, 'three'],
  ] as const) {
    await holds(one, round)
    const snapshot = one.openSnapshot('kept')
    expect((await one.get('k7', { snapshot }))!.startsWith('onex')).toBe(true)
    await snapshot.close()
  }
  await level.close()
  await medium.close()
  // The first goes, the second stays.
  rmSync(from, { recursive: true })
  await copy.close()
  await copy.open()
  await holds(copy, 'three')
  await copy.close()
})
