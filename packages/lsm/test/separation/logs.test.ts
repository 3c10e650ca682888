/** Logs that go on in another file without a flush: the memtable has only pointers to the values in them. Takes about 2 s. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { fastDirectory } from '../bundle.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(fastDirectory(), 'lsm-logs-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const VALUE_BYTES = 64 << 10

function open(): LsmLevel<string, Buffer> {
  return new LsmLevel<string, Buffer>(directory, { valueEncoding: 'buffer', capacityBytes: 1 << 30, worker: false })
}

function contentOf(i: number): Buffer {
  const value = Buffer.alloc(VALUE_BYTES, i & 0xff)
  value.writeUInt32LE(i, 0)
  return value
}

function logsOf(level: LsmLevel<string, Buffer>): number {
  return level.map().files.filter(({ kind }) => kind === 'log').length
}

test('a fresh database takes 20 MiB of values in several logs without a flush, and finds them all when it is opened again', async () => {
  const level = open()
  await level.open()
  const count = (20 << 20) / VALUE_BYTES
  for (let i = 0; i < count; i++) {
    if (i % 2 === 0) level.putSync(`key-${i}`, contentOf(i))
    else await level.put(`key-${i}`, contentOf(i))
  }
  expect(level.stats().compaction?.flushes).toBe(0)
  expect(logsOf(level)).toBeGreaterThanOrEqual(3)
  await level.close()

  const again = open()
  await again.open()
  for (let i = 0; i < count; i++) {
    if (!contentOf(i).equals(again.getSync(`key-${i}`)!)) expect(`key-${i}`).toBe('as it was written')
  }
  await again.close()
})

test('what is in logs and not in tables is bounded: it is flushed however little memory its keys take', async () => {
  const level = open()
  await level.open()
  for (let i = 0; i < (48 << 20) / VALUE_BYTES; i++) {
    await level.put(`key-${i % 100}`, contentOf(i))
    expect(logsOf(level)).toBeLessThanOrEqual(12)
  }
  expect(level.stats().compaction!.flushes).toBeGreaterThanOrEqual(1)
  await level.close()
})
