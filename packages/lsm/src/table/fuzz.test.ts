import { SeededRandom } from '@vivefs/media'
import { crc32, maskCrc } from '@vivefs/pfaof'
import { expect, test } from 'vitest'
import { Block } from '../block/block.ts'
import { openFrame, TRAILER_BYTES, writeTrailer } from '../block/frame.ts'
import { BlockCache } from '../cache/block-cache.ts'
import { isLevelError } from '../error.ts'
import { buildFilter, Filter, HashList } from '../filter/bloom.ts'
import { hashKey } from '../filter/hash.ts'
import { type Kind, MERGE, PUT, SEQUENCE_MAX } from '../kind.ts'
import { Lookup } from '../lookup.ts'
import { runSync } from '../op.ts'
import { RangeTombstones } from '../range-tombstones.ts'
import { decodeFooter, FOOTER_BYTES } from './layout.ts'
import { decodeProperties } from './properties.ts'
import { decodeRangeTombstones, encodeRangeTombstones } from './range-tombstone-block.ts'
import { buildTable, type Entry, openTable, step, stepBack } from './table-fixture.ts'
import { TableIndex } from './table-index.ts'

/** Damaged tables are refused with a verdict or a coded error, never otherwise. VIVEFS_DEEP=1: 100,000 inputs each. */
const INPUTS = process.env.VIVEFS_DEEP === '1' ? 100_000 : 2000
const LIMIT_MS = process.env.VIVEFS_DEEP === '1' ? 7_200_000 : 120_000
const SEED = Number(process.env.VIVEFS_SEED ?? 1)

/** Random bytes, or a sound input with some bytes changed, cut off or added. */
function mangle(random: SeededRandom, sound: Buffer): Buffer {
  if (random.next() < 0.1) return Buffer.from(random.fill(new Uint8Array(Math.floor(random.next() * 300))))
  let bytes = Buffer.from(sound)
  for (let i = 1 + Math.floor(random.next() * 4); i > 0; i--) flip(random, bytes, 0, bytes.length)
  if (random.next() < 0.2) bytes = bytes.subarray(0, Math.floor(random.next() * (bytes.length + 1)))
  if (random.next() < 0.1)
    bytes = Buffer.concat([bytes, random.fill(new Uint8Array(1 + Math.floor(random.next() * 20)))])
  return Buffer.from(bytes)
}

function flip(random: SeededRandom, bytes: Buffer, start: number, end: number): void {
  const at = start + Math.floor(random.next() * (end - start))
  const kind = random.next()
  bytes[at] =
    kind < 0.4 ? Math.floor(random.next() * 256) : kind < 0.7 ? bytes[at]! ^ (1 << Math.floor(random.next() * 8)) : 255
}

function entriesOf(count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    key: Buffer.from(`key-${String(i >> 1).padStart(6, '0')}`),
    sequence: i % 2 === 0 ? 9 : 4,
    kind: (i % 5 === 0 ? MERGE : PUT) as Kind,
    value: Buffer.alloc(i % 40, i),
  }))
}
const TOMBSTONES = [
  { from: Buffer.from('key-000002'), to: Buffer.from('key-000005'), sequence: 3 },
  { from: Buffer.from('key-000004'), to: Buffer.from('l'), sequence: 7 },
]

test.each(['none', 'deflate'] as const)(
  'every changed byte of a table is noticed (%s)',
  (compression) => {
    const { bytes, meta } = buildTable(entriesOf(200), { compression, blockBytes: 500, prefixBytes: 8 }, TOMBSTONES)
    const random = new SeededRandom(SEED)
    for (let i = 0; i < INPUTS / 4; i++) {
      const damaged = Buffer.from(bytes)
      flip(random, damaged, 0, bytes.length)
      if (damaged.equals(bytes)) continue
      let noticed: unknown
      try {
        noticed = runSync(openTable({ bytes: damaged, meta }).verify())
      } catch (error) {
        noticed = isLevelError(error) ? error : undefined
        expect(isLevelError(error) && ['LEVEL_CORRUPTION', 'LEVEL_FORMAT'].includes(error.code)).toBe(true)
        expect(String(error)).toContain('table-7')
      }
      expect(noticed, `seed ${SEED}, input ${i}`).toBeDefined()
    }
  },
  LIMIT_MS,
)

test(
  'nonsense under sound checksums: coded errors, and every walk ends',
  () => {
    const { bytes, meta } = buildTable(entriesOf(60), { blockBytes: 500, prefixBytes: 8 }, TOMBSTONES)
    const offsets = openTable({ bytes, meta }).index.offsets
    const random = new SeededRandom(SEED)
    const ignored = (work: () => void) => {
      try {
        work()
      } catch (error) {
        if (!isLevelError(error) || error.code !== 'LEVEL_CORRUPTION') throw error
      }
    }
    let refused = 0
    for (let i = 0; i < INPUTS / 4; i++) {
      const damaged = Buffer.from(bytes)
      const block = Math.floor(random.next() * (offsets.length - 1))
      const end = offsets[block + 1]! - TRAILER_BYTES
      for (let n = 1 + Math.floor(random.next() * 3); n > 0; n--) flip(random, damaged, offsets[block]!, end)
      writeTrailer(damaged, offsets[block]!, end, 0)
      const reader = openTable({ bytes: damaged, meta }, new BlockCache(2 ** 16))
      const lookup = new Lookup()
      for (const text of ['key-000001', 'key-000015', 'key-000029', 'zzz', '']) {
        const key = Buffer.from(text)
        ignored(() => runSync(reader.lookup(key, lookup.start(SEQUENCE_MAX))))
        ignored(() => runSync(reader.cursor().seek(key, 5)))
        ignored(() => runSync(reader.cursor().seekBefore(key, 5)))
      }
      const cursor = reader.cursor({ verify: true })
      let steps = 0
      ignored(() => {
        for (runSync(cursor.first()); cursor.valid; step(cursor)) if (steps++ > 1000) throw new Error('no end')
      })
      ignored(() => {
        for (runSync(cursor.last()); cursor.valid; stepBack(cursor)) if (steps++ > 2000) throw new Error('no end')
      })
      if (runSync(reader.verify()) !== undefined) refused++
    }
    // What stays unnoticed are other values, which only the checksum could tell.
    expect(refused).toBeGreaterThan(INPUTS / 12)
  },
  LIMIT_MS,
)

test(
  'decoders answer with a verdict',
  () => {
    const { bytes, meta } = buildTable(entriesOf(100), { blockBytes: 500 }, TOMBSTONES)
    const { index, properties } = openTable({ bytes, meta })
    const footerAt = bytes.length - FOOTER_BYTES
    const footer = bytes.subarray(footerAt)
    const framed = bytes.subarray(index.offsets[0], index.offsets[1])
    const deflated = buildTable(entriesOf(100), { compression: 'deflate' })
    const compressed = deflated.bytes.subarray(16, openTable(deflated).index.offsets[1])
    const placed = (at: number) =>
      bytes.subarray(footer.readUInt32LE(at), footer.readUInt32LE(at) + footer.readUInt32LE(at + 4) - TRAILER_BYTES)
    const dataEnd = index.offsets[index.blocks]!
    const hashes = new HashList()
    for (let i = 0; i < 50; i++) hashes.add(hashKey(Buffer.from([i]), 0, 1))
    const tombstones = new RangeTombstones()
    for (const { from, to, sequence } of TOMBSTONES) tombstones.add(from, to, sequence)
    const key = Buffer.from('key-000003')
    const decoders: [string, Buffer, (input: Buffer) => void][] = [
      ['footer', footer, (input) => decodeFooter(input, bytes.length)],
      ['properties', placed(0), decodeProperties],
      ['index', placed(8), (input) => TableIndex.decode(input, dataEnd)?.find(key, 5)],
      ['filter', buildFilter(hashes, 10), (input) => Filter.decode(input)?.mayContain(123_456_789)],
      [
        'range tombstones',
        encodeRangeTombstones(tombstones.fragments()),
        (input) => decodeRangeTombstones(input)?.covering(key, 9),
      ],
      ['frame', framed, (input) => openFrame(input, true)],
      ['compressed frame', compressed, (input) => openFrame(input, false)],
      [
        'block',
        framed.subarray(0, -TRAILER_BYTES),
        (input) => Block.decode(input)?.lookup(key, hashKey(key, 0, key.length), new Lookup().start(8)),
      ],
    ]
    expect(decodeProperties(placed(0))).toEqual(properties)
    for (const [what, sound, decode] of decoders) {
      const random = new SeededRandom(SEED)
      for (let i = 0; i < INPUTS; i++) {
        const input = mangle(random, sound)
        try {
          decode(input)
        } catch (cause) {
          throw new Error(`${what}, seed ${SEED}, input ${i}`, { cause })
        }
      }
    }
  },
  LIMIT_MS,
)

test('a newer version, an unknown feature, another table and a wrong size are told apart', () => {
  const { bytes, meta } = buildTable(entriesOf(10))
  const open = (change: (footer: Buffer) => void, as: typeof meta = meta) => {
    const changed = Buffer.from(bytes)
    const footer = changed.subarray(bytes.length - FOOTER_BYTES)
    change(footer)
    footer.writeUInt32LE(maskCrc(crc32(footer.subarray(0, 52))), 52)
    return () => openTable({ bytes: changed, meta: as })
  }
  expect(open((footer) => footer.writeUInt16LE(2, 48))).toThrow('LEVEL_FORMAT: table-7: version 2; this code reads 1')
  expect(open((footer) => footer.writeUInt32LE(4, 44))).toThrow('LEVEL_FORMAT: table-7: features 0x4')
  expect(open((footer) => footer.writeUInt32LE(4, 40))).not.toThrow()
  expect(open(() => {}, { ...meta, number: 8 })).toThrow('LEVEL_CORRUPTION: table-8: it is table-7')
  expect(open(() => {}, { ...meta, bytes: 9 })).toThrow('LEVEL_CORRUPTION')
  expect(() => openTable({ bytes: Buffer.alloc(0), meta: { ...meta, bytes: 0 } })).toThrow('LEVEL_CORRUPTION')
})
