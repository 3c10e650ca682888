/** With `flushOnClose` a clean close leaves little to read again: what fills a good part of a memtable goes into tables. Takes about 1 s. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { fastDirectory } from '../bundle.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(fastDirectory(), 'lsm-close-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const OPTIONS = { capacityBytes: 256 << 20, worker: false } as const

/** How many tables the next open finds before anything is written. */
async function tablesAfter(entries: number, flushOnClose: boolean): Promise<number> {
  const level = new LsmLevel<string, string>(directory, { ...OPTIONS, flushOnClose })
  await level.open()
  for (let i = 0; i < entries; i++) level.putSync(`key-${i}`, 'x'.repeat(1000))
  expect(level.stats().compaction?.flushes, 'nothing was flushed before').toBe(0)
  await level.close()
  const again = new LsmLevel<string, string>(directory, { ...OPTIONS, readOnly: true })
  await again.open()
  expect((await again.keys().all()).length).toBe(entries)
  const tables = again.map().files.filter(({ kind }) => kind === 'table').length
  await again.close()
  return tables
}

test('much in memory is flushed', async () => {
  expect(await tablesAfter(2000, true)).toBe(1)
})

test('a little stays in the log', async () => {
  expect(await tablesAfter(10, true)).toBe(0)
})

test('unless it is asked for, all of it stays there', async () => {
  expect(await tablesAfter(2000, false)).toBe(0)
})
