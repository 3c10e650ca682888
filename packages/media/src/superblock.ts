/**
 * The first block of everything that media write to files: who it is and how it is laid out.
 *
 *   offset size  (integers little-endian)
 *   0      8     magic: 0x89 'V' 'V' 'M' CR LF 0x1A LF   (as PNG's: shows text-mode and 7-bit damage)
 *   8      2     format version, now 1
 *   10     2     kind: 1 directory, 2 pool, 3 zns, 4 smr, 5 tape, 6 object 7 block
 *                                8 zonefs 9 zoned-block 10 tape-drive     (never renumber)
 *   12     4     length n of the body in bytes, at most 4064
 *   16     4     features whose absence in the reader forbids writing and reading (incompatible), now 0
 *   20     4     CRC-32 of bytes [0, 20) followed by the body
 *   24     n     body: JSON, UTF-8: { "id": UUID, ... geometry }
 *   24+n   ...   zeros up to 4096
 *
 * Invariant S1: a superblock is written once, before anything else, and synced with its directory entry.
 */
import { crc32 } from './checksum.ts'
import { MediumError } from './error.ts'
import type { Bytes, Json } from './medium.ts'

export const SUPERBLOCK_BYTES = 4096
export const SUPERBLOCK_VERSION = 1
const MAGIC = Uint8Array.of(0x89, 0x56, 0x56, 0x4d, 0x0d, 0x0a, 0x1a, 0x0a)
const HEADER_BYTES = 24
const BODY_BYTES_MAX = SUPERBLOCK_BYTES - HEADER_BYTES - 8

/** Codes on disk. Never renumber. */
export const SUPERBLOCK_KINDS = {
  directory: 1,
  pool: 2,
  zns: 3,
  smr: 4,
  tape: 5,
  object: 6,
  block: 7,
  zonefs: 8,
  'zoned-block': 9,
  'tape-drive': 10,
} as const
export type SuperblockKind = keyof typeof SUPERBLOCK_KINDS

export interface SuperblockBody {
  readonly id: string
  readonly [key: string]: Json
}

/** What decoding says; `problem` is for people. */
export type SuperblockVerdict =
  | { readonly ok: true; readonly kind: SuperblockKind; readonly body: SuperblockBody }
  | { readonly ok: false; readonly problem: string }

/** The whole block of 4096 bytes. */
export function encodeSuperblock(kind: SuperblockKind, body: SuperblockBody): Bytes {
  const text = new TextEncoder().encode(JSON.stringify(body))
  if (text.length > BODY_BYTES_MAX) {
    throw new MediumError('MEDIA_ARGUMENT', `superblock body of ${text.length} bytes is above ${BODY_BYTES_MAX}`)
  }
  const block = new Uint8Array(SUPERBLOCK_BYTES)
  const view = new DataView(block.buffer)
  block.set(MAGIC)
  view.setUint16(8, SUPERBLOCK_VERSION, true)
  view.setUint16(10, SUPERBLOCK_KINDS[kind], true)
  view.setUint32(12, text.length, true)
  view.setUint32(16, 0, true)
  block.set(text, HEADER_BYTES)
  view.setUint32(20, crc32(text, crc32(block.subarray(0, 20))), true)
  return block
}

/** Judges any bytes; never throws. */
export function decodeSuperblock(block: Bytes): SuperblockVerdict {
  const no = (problem: string): SuperblockVerdict => ({ ok: false, problem })
  if (block.length < HEADER_BYTES) return no('shorter than a superblock')
  if (MAGIC.some((byte, index) => block[index] !== byte)) return no('no superblock magic')
  const view = new DataView(block.buffer, block.byteOffset, block.length)
  const version = view.getUint16(8, true)
  if (version !== SUPERBLOCK_VERSION) return no(`format version ${version}, this code knows ${SUPERBLOCK_VERSION}`)
  const length = view.getUint32(12, true)
  if (length > BODY_BYTES_MAX || HEADER_BYTES + length > block.length) return no(`body length ${length}`)
  const text = block.subarray(HEADER_BYTES, HEADER_BYTES + length)
  if (view.getUint32(20, true) !== crc32(text, crc32(block.subarray(0, 20)))) return no('superblock checksum')
  const features = view.getUint32(16, true)
  if (features !== 0) return no(`unknown features 0x${features.toString(16)}`)
  const code = view.getUint16(10, true)
  const kind = (Object.keys(SUPERBLOCK_KINDS) as SuperblockKind[]).find((name) => SUPERBLOCK_KINDS[name] === code)
  if (kind === undefined) return no(`unknown kind ${code}`)
  try {
    const body: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))
    if (typeof body !== 'object' || body === null || typeof (body as { id?: unknown }).id !== 'string') {
      return no('superblock body')
    }
    return { ok: true, kind, body: body as SuperblockBody }
  } catch {
    return no('superblock body is not JSON')
  }
}

/**
 * The body of a superblock of the expected kind.
 *
 * @param expectedId when given, any other identity is MEDIA_WRONG_MEDIUM. Otherwise MEDIA_FORMAT for anything unfit.
 */
export function readSuperblock(block: Bytes, kind: SuperblockKind, path: string, expectedId?: string): SuperblockBody {
  const verdict = decodeSuperblock(block)
  if (!verdict.ok) throw new MediumError('MEDIA_FORMAT', `${path}: ${verdict.problem}`)
  if (verdict.kind !== kind)
    throw new MediumError('MEDIA_FORMAT', `${path} holds a ${verdict.kind} medium, not ${kind}`)
  if (expectedId !== undefined && verdict.body.id !== expectedId) {
    throw new MediumError('MEDIA_WRONG_MEDIUM', `${path} is medium ${verdict.body.id}, expected ${expectedId}`)
  }
  return verdict.body
}
