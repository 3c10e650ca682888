import { SeededRandom } from '@vivefs/media'
import { afterAll, expect, test } from 'vitest'
import { CHUNK_HEAD_BYTES_MAX, decodeChunkHead, encodeChunkHead, FIRST, LAST } from '../src/chunk.ts'
import { ChunkCursor } from '../src/chunk-cursor.ts'
import { crc32, crc32Fallback } from '../src/crc.ts'
import { decodeEdits, type Edit, encodeEdits } from '../src/edit.ts'
import { FileTable } from '../src/file-table.ts'
import { runSync } from '../src/index.ts'
import { decodeSuperblock, encodeSuperblock } from '../src/superblock.ts'

/** Decoders answer with a verdict whatever they are given. VIVEFS_DEEP=1: 100,000 inputs each. */
const INPUTS = process.env.VIVEFS_DEEP === '1' ? 100_000 : 5_000
const SEED = Number(process.env.VIVEFS_SEED ?? 1)

const EXTENT = {
  medium: 1,
  zone: 7,
  epoch: 3,
  use: 9,
  start: 64,
  end: 900,
  fileOffset: 0,
  bytes: 800,
  ordinal: 0,
  liveBytes: 836,
}
const EDITS: Edit[] = [
  { tag: 'generation', generation: 3, epoch: 4, createdMs: 1_700_000_000_000 },
  { tag: 'epoch', epoch: 5, holder: 'host 12' },
  { tag: 'lease', idLimit: 2 ** 40 },
  { tag: 'create', id: 16, name: 'é', lifetime: 'long', createdMs: 9, media: [0, 1] },
  { tag: 'extent', id: 16, extent: EXTENT },
  { tag: 'seal', id: 16, size: 800, ends: [{ end: 900, bytes: 800, liveBytes: 836 }] },
  { tag: 'rename', id: 16, name: 'other' },
  { tag: 'snapshot', name: 's', createdMs: 2, files: [{ id: 16, name: 'other', size: 800 }] },
  { tag: 'dropSnapshot', name: 's' },
  { tag: 'move', id: 16, extents: [EXTENT] },
  { tag: 'delete', id: 16 },
  {
    tag: 'file',
    id: 17,
    sealed: true,
    name: undefined,
    lifetime: 'short',
    createdMs: 1,
    size: 800,
    media: [1],
    extents: [EXTENT],
  },
  { tag: 'checkpointEnd', files: 1, snapshots: 0 },
  { tag: 'next', zone: 12 },
  { tag: 'close' },
]

/** Random bytes, or a sound input with some bytes changed, cut off or added. */
function mangle(random: SeededRandom, sound: Buffer): Buffer {
  if (random.next() < 0.2) return Buffer.from(random.fill(new Uint8Array(Math.floor(random.next() * 300))))
  let bytes = Buffer.from(sound)
  for (let i = Math.floor(random.next() * 4); i > 0 && bytes.length > 0; i--) {
    bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256)
  }
  if (random.next() < 0.2) bytes = bytes.subarray(0, Math.floor(random.next() * bytes.length))
  return bytes
}

afterAll(() => console.log(`decoders of pfaof: seed ${SEED}, ${INPUTS} inputs each, none threw`))

test('every edit comes back as it was, in one record', () => {
  expect(decodeEdits(encodeEdits(EDITS))).toEqual(EDITS)
})

test('an unknown edit is refused, an optional one skipped', () => {
  expect(decodeEdits(Buffer.from([99, 0]))).toHaveProperty('fault')
  expect(decodeEdits(Buffer.concat([Buffer.from([200, 2, 1, 1]), encodeEdits([{ tag: 'close' }])]))).toEqual([
    { tag: 'close' },
  ])
})

test(`edits: ${INPUTS} inputs, none throws; what decodes can be applied or is refused with a reason`, {
  timeout: 300_000,
}, () => {
  const random = new SeededRandom(SEED)
  const sound = encodeEdits(EDITS)
  for (let i = 0; i < INPUTS; i++) {
    const edits = decodeEdits(mangle(random, sound))
    if (!Array.isArray(edits)) continue
    const table = new FileTable()
    for (const edit of edits) table.apply(edit)
    expect(decodeEdits(encodeEdits(edits))).toEqual(edits)
  }
})

test(`superblocks: ${INPUTS} inputs, none throws`, { timeout: 300_000 }, () => {
  const random = new SeededRandom(SEED)
  const media = [{ name: 'ssd', id: 'x', home: true, alignBytes: 8 }]
  const block = {
    version: 1,
    compat: 0,
    roCompat: 0,
    incompat: 0,
    volumeId: new Uint8Array(16),
    generation: 1,
    epoch: 2,
    medium: 0,
    media,
  }
  const sound = encodeSuperblock(block)
  expect(decodeSuperblock(sound)).toEqual(block)
  for (let i = 0; i < INPUTS; i++) decodeSuperblock(mangle(random, sound))
})

test(`chunk heads: ${INPUTS} inputs, none throws, none is taken for another`, { timeout: 300_000 }, () => {
  const random = new SeededRandom(SEED)
  const payload = Buffer.alloc(5000, 7)
  const header = {
    flags: FIRST | LAST,
    keyId: 0,
    payloadBytes: 5000,
    fileId: 2 ** 45,
    epoch: 9,
    ordinal: 3,
    fileOffset: 2 ** 41,
    syncedOffset: 77,
    use: 5,
  }
  const head = Buffer.alloc(CHUNK_HEAD_BYTES_MAX)
  const sound = head.subarray(0, encodeChunkHead(head, header, [payload], 1234))
  expect(decodeChunkHead(sound, 0, 1234)).toEqual(header)
  expect(decodeChunkHead(sound, 0, 1235)).toBe('checksum')
  for (let i = 0; i < INPUTS; i++) {
    const bytes = mangle(random, sound)
    const verdict = decodeChunkHead(bytes, 0, 1234)
    if (typeof verdict !== 'string') expect(bytes.subarray(0, sound.length).equals(sound)).toBe(true)
  }
})

test(`zones: ${INPUTS} zones of noise and broken chunks are walked to the end`, { timeout: 300_000 }, () => {
  const random = new SeededRandom(SEED)
  const head = Buffer.alloc(CHUNK_HEAD_BYTES_MAX)
  for (let i = 0; i < INPUTS; i++) {
    const pieces: Buffer[] = []
    let at = 0
    for (let k = 0; k < 6; k++) {
      const payload = Buffer.from(random.fill(new Uint8Array(Math.floor(random.next() * 200))))
      const header = {
        flags: 3,
        keyId: 0,
        payloadBytes: payload.length,
        fileId: 20,
        epoch: 1,
        ordinal: k,
        fileOffset: 0,
        syncedOffset: 0,
        use: 1,
      }
      const bytes = Buffer.concat([head.subarray(0, encodeChunkHead(head, header, [payload], at)), payload])
      const piece = Buffer.concat([mangle(random, bytes), Buffer.alloc(7)])
      pieces.push(piece.subarray(0, piece.length - (piece.length % 8)))
      at += pieces[pieces.length - 1]!.length
    }
    const zone = Buffer.concat(pieces)
    const source = {
      alignBytes: 8,
      *read(offset: number, into: Uint8Array) {
        return zone.copy(into, 0, offset, offset + into.length)
      },
      seed: (offset: number) => offset,
    }
    const cursor = new ChunkCursor(source, 0, zone.length)
    for (let steps = 0; ; steps++) {
      expect(steps).toBeLessThan(100)
      const verdict = runSync(cursor.next(() => true))
      if (verdict.kind === 'end') break
      if (verdict.kind === 'bad' && !runSync(cursor.resync())) break
    }
  }
})

test('the CRC in JavaScript is that of zlib', () => {
  const random = new SeededRandom(SEED)
  for (let length = 0; length < 300; length++) {
    const bytes = random.fill(new Uint8Array(length))
    expect(crc32Fallback(bytes)).toBe(crc32(bytes))
    expect(crc32Fallback(bytes, 99)).toBe(crc32(bytes, 99))
  }
  expect(crc32Fallback(Buffer.from('123456789'))).toBe(0xcbf43926)
})
