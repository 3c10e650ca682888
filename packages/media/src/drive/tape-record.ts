/**
 * What a tape cartridge carries of ours beside the data: head blocks, trailers and indexes (FORMAT.md, "Tape"). All
 * decoders judge any bytes and never throw.
 */
import { crc32 } from '../checksum.ts'
import type { Bytes } from '../medium.ts'

export const HEAD_BYTES = 4096
export const TRAILER_BYTES = 64
const VERSION = 1
const HEAD_MAGIC = Uint8Array.of(0x89, 0x56, 0x56, 0x54, 0x0d, 0x0a, 0x1a, 0x0a)
const TRAILER_MAGIC = Uint8Array.of(0x89, 0x56, 0x56, 0x45, 0x0d, 0x0a, 0x1a, 0x0a)
const CHECKED_BYTES = 60

/** Codes on tape. Never renumber. */
const KINDS = { piece: 1, index: 2 } as const

/** Whose tape file it is: what every head and trailer says alike. */
export interface TapeFileName {
  /** UUID text of the cartridge. */
  readonly id: string
  /** How often the cartridge was erased before. */
  readonly life: number
  readonly file: number
}

export interface TapeHead extends TapeFileName {
  readonly kind: keyof typeof KINDS
  /** Tape file of the last index before this file, 0 = none. */
  readonly lastIndex: number
  /** Zone of a piece, generation of an index. */
  readonly number: number
  readonly blockBytes: number
  /** A piece's first byte in its zone; an index's length. */
  readonly offset: number
  /** Of the bytes of an index, 0 for a piece. */
  readonly crc: number
}

export interface TapeTrailer extends TapeFileName {
  /** Bytes of the piece, without head and trailer. */
  readonly bytes: number
  /** The zone was finished with this piece. */
  readonly full: boolean
}

function idBytes(id: string): Bytes {
  return Uint8Array.from(Buffer.from(id.replaceAll('-', ''), 'hex'))
}

function idText(bytes: Bytes): string {
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Bytes 0..36 are the same in both. */
function begin(magic: Bytes, kind: number, name: TapeFileName, length: number) {
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  bytes.set(magic)
  view.setUint16(8, VERSION, true)
  view.setUint16(10, kind, true)
  view.setUint32(12, name.life, true)
  bytes.set(idBytes(name.id), 16)
  view.setUint32(32, name.file, true)
  return { bytes, view }
}

function end({ bytes, view }: { bytes: Bytes; view: DataView }): Bytes {
  view.setUint32(CHECKED_BYTES, crc32(bytes.subarray(0, CHECKED_BYTES)), true)
  return bytes
}

function check(bytes: Bytes, magic: Bytes) {
  if (bytes.length < TRAILER_BYTES || magic.some((byte, index) => bytes[index] !== byte)) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(CHECKED_BYTES, true) !== crc32(bytes.subarray(0, CHECKED_BYTES))) return undefined
  if (view.getUint16(8, true) !== VERSION) return undefined
  const name = { id: idText(bytes.subarray(16, 32)), life: view.getUint32(12, true), file: view.getUint32(32, true) }
  return { view, kind: view.getUint16(10, true), name }
}

export function encodeHead(head: TapeHead): Bytes {
  const { bytes, view } = begin(HEAD_MAGIC, KINDS[head.kind], head, HEAD_BYTES)
  view.setUint32(36, head.lastIndex, true)
  view.setUint32(40, head.number, true)
  view.setUint32(44, head.blockBytes, true)
  view.setBigUint64(48, BigInt(head.offset), true)
  view.setUint32(56, head.crc, true)
  return end({ bytes, view })
}

export function decodeHead(bytes: Bytes): TapeHead | undefined {
  const found = bytes.length === HEAD_BYTES ? check(bytes, HEAD_MAGIC) : undefined
  if (found === undefined || (found.kind !== KINDS.piece && found.kind !== KINDS.index)) return undefined
  const { view, name } = found
  return {
    ...name,
    kind: found.kind === KINDS.index ? 'index' : 'piece',
    lastIndex: view.getUint32(36, true),
    number: view.getUint32(40, true),
    blockBytes: view.getUint32(44, true),
    offset: Number(view.getBigUint64(48, true)),
    crc: view.getUint32(56, true),
  }
}

export function encodeTrailer(trailer: TapeTrailer): Bytes {
  const { bytes, view } = begin(TRAILER_MAGIC, trailer.full ? 1 : 0, trailer, TRAILER_BYTES)
  view.setBigUint64(48, BigInt(trailer.bytes), true)
  return end({ bytes, view })
}

export function decodeTrailer(bytes: Bytes): TapeTrailer | undefined {
  const found = bytes.length === TRAILER_BYTES ? check(bytes, TRAILER_MAGIC) : undefined
  if (found === undefined) return undefined
  return { ...found.name, bytes: Number(found.view.getBigUint64(48, true)), full: found.kind === 1 }
}

/** One zone in one tape file, or in several where reading interrupted the writing. */
export interface TapePiece {
  readonly file: number
  /** In the zone. */
  readonly offset: number
  readonly bytes: number
  /** The drive's block address of the head block, -1 where it cannot say. */
  readonly address: number
}

/** Zone number, finished, pieces in order of their offsets. */
export type IndexedZone = readonly [zone: number, full: boolean, pieces: readonly TapePiece[]]

export function encodeIndex(generation: number, life: number, zones: readonly IndexedZone[]): Bytes {
  const rows = zones.map(([zone, full, pieces]) => [
    zone,
    full ? 1 : 0,
    pieces.map(({ file, offset, bytes, address }) => [file, offset, bytes, address]),
  ])
  return new TextEncoder().encode(JSON.stringify({ generation, life, zones: rows }))
}

const whole = (value: unknown): value is number => Number.isSafeInteger(value)

export function decodeIndex(bytes: Bytes): { life: number; zones: IndexedZone[] } | undefined {
  try {
    const { life, zones } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (!whole(life) || !Array.isArray(zones)) return undefined
    const found: IndexedZone[] = []
    for (const row of zones as unknown[]) {
      if (!Array.isArray(row) || !whole(row[0]) || !Array.isArray(row[2])) return undefined
      const pieces: TapePiece[] = []
      for (const piece of row[2] as unknown[]) {
        if (!Array.isArray(piece) || piece.length !== 4 || !piece.every(whole)) return undefined
        const [file, offset, length, address] = piece as number[]
        pieces.push({ file: file!, offset: offset!, bytes: length!, address: address! })
      }
      found.push([row[0], row[1] === 1, pieces])
    }
    return { life, zones: found }
  } catch {
    return undefined
  }
}
