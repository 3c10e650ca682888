/** Encoding and decoding of batches. VIVEFS_SEED replays, VIVEFS_DEEP=1: 100,000 inputs. */
import { SeededRandom } from '@vivefs/media'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { isLevelError } from '../error.ts'
import { DELETE, MERGE, PUT, RANGE_DELETE } from '../kind.ts'
import { batchEntries, decodeBatch } from './batch-decoder.ts'
import { BATCH_BYTES_MAX, BatchEncoder } from './batch-encoder.ts'

const INPUTS = process.env.VIVEFS_DEEP === '1' ? 100_000 : 10_000
vi.setConfig({ testTimeout: 300_000 })
const SEED = Number(process.env.VIVEFS_SEED ?? 1)

const field = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 300, unit: 'binary' }), fc.string())
const long = fc.nat(9000).map((length) => Buffer.alloc(length, length))
const longText = fc.nat(9000).map((length) => 'aé€😀'.repeat(length >> 2))
const operation = fc.record({
  kind: fc.constantFrom(DELETE, PUT, MERGE, RANGE_DELETE),
  key: field,
  value: fc.oneof({ weight: 5, arbitrary: field }, { weight: 1, arbitrary: long }, { weight: 1, arbitrary: longText }),
})
type Field = Uint8Array | string

function encode(batch: BatchEncoder, operations: readonly { kind: number; key: Field; value: Field }[]): void {
  for (const { kind, key, value } of operations) {
    if (kind === DELETE) batch.del(key)
    else if (kind === PUT) batch.put(key, value)
    else if (kind === MERGE) batch.merge(key, value)
    else batch.deleteRange(key, value)
  }
}

describe('encoder', () => {
  test('what was put in comes out, numbered', () => {
    const batch = new BatchEncoder(0)
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1 }), fc.maxSafeNat(), (operations, from) => {
        const first = Math.max(1, Math.min(from, Number.MAX_SAFE_INTEGER - operations.length))
        encode(batch, operations)
        const parts = batch.parts(first)
        const record = Buffer.concat(parts)
        expect(record.length).toBe(batch.bytes)
        const entries = Buffer.alloc(batch.bytes - 16)
        batch.copyEntries(entries, 0)
        expect(entries.equals(record.subarray(16))).toBe(true)
        const verdict = decodeBatch(Buffer.concat([Buffer.alloc(3), record, Buffer.alloc(2, 0xee)]), 3)
        if (!verdict.ok) expect.fail(JSON.stringify(verdict))
        expect(verdict.batch.end).toBe(3 + record.length)
        const text = (...row: unknown[]) =>
          row.map((cell) => (Buffer.isBuffer(cell) ? cell.toString('hex') : cell)).join()
        const found = [...batchEntries(verdict.batch)].map((e) => text(e.sequence, e.kind, e.key, e.value))
        expect(found).toEqual(
          operations.map(({ kind, key, value }, i) =>
            text(
              first + i,
              kind,
              Buffer.from(key as string),
              kind === DELETE ? undefined : Buffer.from(value as string),
            ),
          ),
        )
        expect(batch.count).toBe(operations.length)
        batch.clear()
        expect(batch.count).toBe(0)
      }),
      { numRuns: INPUTS / 50, seed: SEED },
    )
  })

  test('the bytes of version 1', () => {
    const batch = new BatchEncoder()
    batch.put('k', 'value')
    batch.del(Buffer.from('gone'))
    batch.merge('m', Buffer.from([1]))
    batch.deleteRange('a', 'b')
    expect(Buffer.concat(batch.parts(2 ** 33 + 5)).toString('hex')).toBe(
      `19000000${'04000000'}${'0500000002000000'}${'01016b0576616c7565'}${'0004676f6e65'}${'02016d0101'}${'0401610162'}`,
    )
  })

  test('long values travel as they are, long text and short values do not', () => {
    const batch = new BatchEncoder()
    const value = Buffer.alloc(4096, 1)
    batch.put('a', value)
    batch.put('b', 'x'.repeat(5000))
    batch.put('c', value.subarray(1))
    const parts = batch.parts(1)
    expect(parts.length).toBe(3)
    expect(parts[1]).toBe(value)
  })

  test('beyond the limits: refused, and the batch is as before', () => {
    const batch = new BatchEncoder()
    batch.put('a', 'b')
    const before = Buffer.concat(batch.parts(1))
    const refused = (work: () => void) => {
      try {
        work()
      } catch (error) {
        expect(isLevelError(error) && error.code).toBe('LEVEL_BATCH_TOO_BIG')
        expect(Buffer.concat(batch.parts(1)).equals(before)).toBe(true)
        return
      }
      expect.fail('not refused')
    }
    refused(() => batch.put(Buffer.alloc(65_537), 'v'))
    refused(() => batch.del('é'.repeat(32_769)))
    refused(() => batch.put('k', Buffer.alloc(BATCH_BYTES_MAX + 1)))
    refused(() => batch.put('k', 'x'.repeat(BATCH_BYTES_MAX + 1)))
    refused(() => batch.deleteRange('k', Buffer.alloc(65_537)))
    batch.put(Buffer.alloc(65_536), 'v')
    expect(batch.count).toBe(2)
    const half = Buffer.alloc(BATCH_BYTES_MAX / 2)
    batch.put('h', half)
    expect(() => batch.put('i', half)).toThrow(/LEVEL_BATCH_TOO_BIG/)
    expect(batch.count).toBe(3)
    expect(decodeBatch(Buffer.concat(batch.parts(1))).ok).toBe(true)
  })
})

test('the decoder answers with a verdict whatever it is given', () => {
  const random = new SeededRandom(SEED)
  const sound: Buffer[] = []
  const batch = new BatchEncoder()
  for (const operations of fc.sample(fc.array(operation, { minLength: 1 }), { numRuns: 200, seed: SEED })) {
    encode(batch, operations)
    sound.push(Buffer.concat(batch.parts(1 + Math.floor(random.next() * 1e9))))
    batch.clear()
  }
  let faults = 0
  for (let i = 0; i < INPUTS; i++) {
    const bytes =
      random.next() < 0.1
        ? Buffer.from(random.fill(new Uint8Array(Math.floor(random.next() * 100))))
        : Buffer.from(sound[Math.floor(random.next() * sound.length)]!)
    for (let n = Math.floor(random.next() * 4); n > 0 && bytes.length > 0; n--) {
      const near = random.next() < 0.5 ? Math.min(bytes.length, 24) : bytes.length
      bytes[Math.floor(random.next() * near)] = Math.floor(random.next() * 256)
    }
    const cut = bytes.subarray(0, random.next() < 0.3 ? Math.floor(random.next() * bytes.length) : bytes.length)
    const verdict = decodeBatch(cut)
    if (!verdict.ok) {
      faults++
      if ('needs' in verdict) expect(verdict.needs).toBeGreaterThan(cut.length)
      continue
    }
    // What is called sound can be read, and lies inside.
    expect([...batchEntries(verdict.batch)].length).toBe(verdict.batch.count)
    expect(verdict.batch.end).toBeLessThanOrEqual(cut.length)
  }
  expect(faults).toBeGreaterThan(INPUTS / 10)
})
