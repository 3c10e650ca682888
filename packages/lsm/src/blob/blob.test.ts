import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBatch } from '../batch/batch-decoder.ts'
import { BatchEncoder } from '../batch/batch-encoder.ts'
import { EntryView } from '../batch/entry.ts'
import { BLOB } from '../kind.ts'
import type { VersionEdit } from '../manifest/version-edit.ts'
import type { TableMeta } from '../table-meta.ts'
import { NO_TABLES } from '../version/next-levels.ts'
import { BLOB_HEADER_BYTES, checkBlobHeader, encodeBlobHeader } from './blob-format.ts'
import { POINTER_BYTES, readPointer, writePointer } from './blob-pointer.ts'
import { NO_BLOBS, nextBlobs } from './next-blobs.ts'
import { copySeparated } from './separated-batch.ts'
import { Separation } from './separation.ts'

test('pointers are read as they were written, and nonsense is none', () => {
  const bytes = Buffer.alloc(POINTER_BYTES)
  const pointer = fc.record({
    kind: fc.constantFrom('log' as const, 'blob' as const),
    file: fc.nat(2 ** 32 - 1),
    offset: fc.nat(2 ** 48 - 1),
    length: fc.nat(2 ** 26),
  })
  fc.assert(
    fc.property(pointer, (one) => {
      writePointer(bytes, 0, one.kind, one.file, one.offset, one.length)
      expect(readPointer(bytes, 0, POINTER_BYTES)).toEqual(one)
    }),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (any) => void readPointer(Buffer.from(any), 0, any.length)))
  bytes[14] = 2
  expect(readPointer(bytes, 0, POINTER_BYTES)).toBeUndefined()
  expect(readPointer(bytes, 0, POINTER_BYTES - 1)).toBeUndefined()
})

test('every changed byte of the header of a blob file is noticed', () => {
  expect(checkBlobHeader(encodeBlobHeader(7), 7)).toEqual({ ok: true })
  expect(checkBlobHeader(encodeBlobHeader(7), 8).ok).toBe(false)
  for (let at = 0; at < BLOB_HEADER_BYTES; at++) {
    const header = encodeBlobHeader(7)
    header[at]! ^= 1
    expect(checkBlobHeader(header, 7).ok).toBe(false)
  }
})

test('the longest prefix decides', () => {
  const rules = [
    { prefix: Buffer.from('a'), bytes: 10 },
    { prefix: Buffer.from('ab'), bytes: Number.POSITIVE_INFINITY },
  ]
  const separation = new Separation({ bytes: 100, rules })
  const separates = (key: string, bytes: number) => separation.separates(Buffer.from(key), 0, key.length, bytes)
  expect([
    separates('a', 9),
    separates('a', 10),
    separates('ab', 1e6),
    separates('b', 99),
    separates('b', 100),
  ]).toEqual([false, true, false, false, true])
})

/** Short and long, some of them referred to by the encoder instead of copied, as bytes and as text. */
const operation = fc.record({
  type: fc.constantFrom('put', 'del', 'merge'),
  key: fc.string({ maxLength: 20 }),
  bytes: fc.constantFrom(0, 1, 17, 99, 100, 300, 4095, 4096, 9000),
  text: fc.boolean(),
})

test('a batch goes to the memtable with the same pointers from the encoder and from the log, and they lead to the values', () => {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 12 }), fc.constantFrom(1, 100, 5000), (list, least) => {
      const separation = new Separation({ bytes: least, rules: [] })
      const encoder = new BatchEncoder(undefined, separation)
      for (const [i, { type, key, bytes, text }] of list.entries()) {
        const value = text ? String(i % 10).repeat(bytes) : Buffer.alloc(bytes, 48 + (i % 10))
        if (type === 'put') encoder.put(key, value)
        else if (type === 'del') encoder.del(key)
        else encoder.merge(key, value)
      }
      const place = { log: 9, offset: 1234 }
      const record = Buffer.concat(encoder.parts(1))
      const fromEncoder = Buffer.alloc(encoder.memoryBytes)
      encoder.copyEntries(fromEncoder, 0, place)
      const verdict = decodeBatch(record)
      if (!verdict.ok) throw new Error('the record does not decode')
      const fromLog = Buffer.alloc(record.length + list.length * POINTER_BYTES)
      const end = copySeparated(verdict.batch, { separation, place }, fromLog, 0)
      expect(fromEncoder.equals(fromLog.subarray(0, end))).toBe(true)
      const view = new EntryView()
      let separated = 0
      for (let at = 0, i = 0; at < end; at = view.end, i++) {
        expect(view.read(fromLog, at, end)).toBe(true)
        if (view.kind !== BLOB) continue
        const { kind, file, offset, length } = readPointer(fromLog, view.valueStart, view.valueEnd)!
        expect({ kind, file, length }).toEqual({ kind: 'log', file: 9, length: list[i]!.bytes })
        const value = record.subarray(offset - place.offset, offset - place.offset + length)
        expect(value.equals(Buffer.alloc(length, 48 + (i % 10)))).toBe(true)
        separated += length
      }
      expect(encoder.separatedBytes).toBe(separated)
    }),
  )
})

const tableOf = (number: number, blobs: TableMeta['blobs']): TableMeta => ({
  number,
  bytes: 100,
  smallest: Buffer.from([number]),
  largest: Buffer.from([number]),
  largestIncluded: true,
  smallestSequence: number,
  largestSequence: number,
  entries: 1,
  deletions: 0,
  rangeDeletions: 0,
  rawBytes: 1,
  createdMs: 0,
  ...(blobs === undefined ? {} : { blobs }),
})

test('references say what is alive, and a file goes with the last one', () => {
  const log = { number: 5, kind: 'log', bytes: 1000, createdMs: 1 } as const
  const one = tableOf(10, [{ file: 5, kind: 'log', values: 3, bytes: 300 }])
  const two = tableOf(11, [{ file: 5, kind: 'log', values: 1, bytes: 100 }])
  const added: VersionEdit = { blobs: [log], added: [one, two].map((meta) => ({ level: 6, meta })) }
  const first = nextBlobs(NO_BLOBS, NO_TABLES, added)
  expect(first).toEqual(new Map([[5, { ...log, liveValues: 4, liveBytes: 400 }]]))
  if ('fault' in first) throw new Error(first.fault)
  const levels = NO_TABLES.map((none, level) => (level === 6 ? [one, two] : none))
  const second = nextBlobs(first, levels, { removed: [{ level: 6, number: 10 }] })
  expect(second).toEqual(new Map([[5, { ...log, liveValues: 1, liveBytes: 100 }]]))
  const both = [10, 11].map((number) => ({ level: 6, number }))
  expect(nextBlobs(first, levels, { removed: both })).toEqual(new Map())
  expect(nextBlobs(NO_BLOBS, NO_TABLES, { added: [{ level: 6, meta: one }] })).toEqual({
    fault: 'M10 table-10 refers to values in log-5, which is not there',
  })
  expect(nextBlobs(NO_BLOBS, NO_TABLES, { ...added, blobs: [{ ...log, bytes: 399 }] })).toHaveProperty('fault')
})
