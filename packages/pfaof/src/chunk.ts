import { crc32, maskCrc, STAGING_BYTES, sharedKernel } from './crc.ts'
import { STAGING_AT } from './crc-kernel.ts'

/**
 * The chunk header: the one codec for writing, reading, scrubbing and dumping. The bytes are drawn in FORMAT.md, "A chunk".
 * Sources: LevelDB's log fragments, RocksDB's recycled logs, Pebble's synced offsets.
 */

export const CHUNK_MAGIC = 0x31436650
export const CHUNK_FORMAT = 1
export const CHUNK_HEADER_BYTES = 56
/** Payload bytes under one page CRC. */
export const PAGE_BYTES = 4096
/** Most payload bytes of one chunk. */
export const CHUNK_PAYLOAD_BYTES_MAX = 1 << 20
/** Most bytes of a header with its page CRCs. */
export const CHUNK_HEAD_BYTES_MAX = CHUNK_HEADER_BYTES + (CHUNK_PAYLOAD_BYTES_MAX / PAGE_BYTES) * 4

export const FIRST = 1
export const LAST = 2

/** The first bytes of every chunk, for searching. */
export const MAGIC_BYTES: Uint8Array = new Uint8Array([0x50, 0x66, 0x43, 0x31])

/** What a chunk header says. */
export interface ChunkHeader {
  flags: number
  keyId: number
  payloadBytes: number
  fileId: number
  epoch: number
  ordinal: number
  fileOffset: number
  syncedOffset: number
  use: number
}

/** Why bytes are not a chunk header. 'short': more bytes are needed to tell. */
export type ChunkFault = 'magic' | 'short' | 'checksum' | 'format' | 'fields'

/** Pages of a payload. */
export function pageCount(payloadBytes: number): number {
  return Math.ceil(payloadBytes / PAGE_BYTES)
}

/** Bytes before the payload. */
export function headBytes(payloadBytes: number): number {
  return CHUNK_HEADER_BYTES + 4 * pageCount(payloadBytes)
}

/** Bytes that a chunk takes in a zone. */
export function spanBytes(payloadBytes: number, alignBytes: number): number {
  return Math.ceil((headBytes(payloadBytes) + payloadBytes) / alignBytes) * alignBytes
}

/** Most payload that fits into `room` bytes of a zone; whole pages unless less than one fits; -1: not even a header. */
export function payloadThatFits(room: number, alignBytes: number): number {
  const usable = Math.floor(room / alignBytes) * alignBytes
  if (usable < CHUNK_HEADER_BYTES) return -1
  const pages = Math.floor((usable - CHUNK_HEADER_BYTES) / (PAGE_BYTES + 4))
  if (pages >= 1) return Math.min(pages * PAGE_BYTES, CHUNK_PAYLOAD_BYTES_MAX)
  return Math.max(0, usable - CHUNK_HEADER_BYTES - 4)
}

/** The location seed (I1): a chunk checks only at the place where it was written. `offset` is a multiple of 8. */
export function locationSeed(salt: number, medium: number, zone: number, offset: number): number {
  return (
    (salt +
      Math.imul(medium, 0x9e3779b1) +
      Math.imul(zone | 0, 0x85ebca6b) +
      Math.imul((offset / 8) | 0, 0xc2b2ae35)) >>>
    0
  )
}

function putU64(into: DataView, value: number, at: number): void {
  into.setUint32(at, value, true)
  into.setUint32(at + 4, value / 0x1_0000_0000, true)
}

function getU64(from: Buffer, at: number): number {
  return from.readUInt32LE(at + 4) * 0x1_0000_0000 + from.readUInt32LE(at)
}

/** Where payloads are put in the kernel's memory: behind the largest head, on a 16-byte boundary. */
const PAYLOAD_AT = STAGING_AT + Math.ceil(CHUNK_HEAD_BYTES_MAX / 16) * 16
/** Most padding that {@link encodeChunk} adds. */
const PADDING_BYTES_MAX = STAGING_BYTES - (PAYLOAD_AT - STAGING_AT) - CHUNK_PAYLOAD_BYTES_MAX - 64

/** Most bytes that a chunk may span for {@link encodeChunk}, given its payload. */
export function isImageFit(payloadBytes: number, span: number): boolean {
  return span - headBytes(payloadBytes) - payloadBytes <= PADDING_BYTES_MAX
}

/** The last one that was made: chunks of one length after the other need no new views. */
let image: Buffer = Buffer.alloc(0)

/**
 * The whole chunk as it goes to the medium: head, payload, zeros up to `span` ({@link isImageFit} says whether it can). A view of the
 * kernel's staging area: write or copy it before anything else computes a CRC. `parts` are the payload, in order; they are only read.
 */
export function encodeChunk(
  header: Readonly<ChunkHeader>,
  parts: readonly Uint8Array[],
  seed: number,
  span: number,
): Buffer {
  const kernel = sharedKernel()
  const { memory, view } = kernel
  const { payloadBytes } = header
  let end = PAYLOAD_AT
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    memory.set(part, end)
    end += part.length
  }
  const crcsAt = PAYLOAD_AT - 4 * pageCount(payloadBytes)
  kernel.pages(PAYLOAD_AT, payloadBytes, crcsAt)
  const at = crcsAt - CHUNK_HEADER_BYTES
  view.setUint32(at, CHUNK_MAGIC, true)
  memory[at + 8] = CHUNK_FORMAT
  memory[at + 9] = header.flags
  view.setUint16(at + 10, header.keyId, true)
  view.setUint32(at + 12, payloadBytes, true)
  putU64(view, header.fileId, at + 16)
  view.setUint32(at + 24, header.epoch, true)
  view.setUint32(at + 28, header.ordinal, true)
  putU64(view, header.fileOffset, at + 32)
  putU64(view, header.syncedOffset, at + 40)
  view.setUint32(at + 48, header.use, true)
  view.setUint32(at + 52, 0, true)
  view.setUint32(at + 4, maskCrc(kernel.crc(at + 8, PAYLOAD_AT - at - 8, seed)), true)
  if (at + span > end) memory.fill(0, end, at + span)
  if (image.length !== span || image.byteOffset !== memory.byteOffset + at || image.buffer !== memory.buffer)
    image = memory.subarray(at, at + span)
  return image
}

/**
 * Writes header and page CRCs to the start of `into` and returns their length. `parts` are the payload, in order; they are
 * only read. `into` has at least `headBytes(header.payloadBytes)` bytes.
 */
export function encodeChunkHead(
  into: Buffer,
  header: Readonly<ChunkHeader>,
  parts: readonly Uint8Array[],
  seed: number,
): number {
  const head = headBytes(header.payloadBytes)
  into.set(encodeChunk(header, parts, seed, head))
  return head
}

/**
 * Reads a header at `at` of `bytes`. Never throws on input: the verdict is the header or the fault. 'short' is also the
 * verdict for a length that claims more page CRCs than `bytes` holds; callers give `CHUNK_HEAD_BYTES_MAX` to exclude that.
 */
export function decodeChunkHead(bytes: Buffer, at: number, seed: number): ChunkHeader | ChunkFault {
  if (bytes.length - at < 4) return 'short'
  if (bytes.readUInt32LE(at) !== CHUNK_MAGIC) return 'magic'
  if (bytes.length - at < CHUNK_HEADER_BYTES) return 'short'
  const payloadBytes = bytes.readUInt32LE(at + 12)
  if (payloadBytes > CHUNK_PAYLOAD_BYTES_MAX) return 'fields'
  const head = headBytes(payloadBytes)
  if (bytes.length - at < head) return 'short'
  if (maskCrc(crc32(bytes.subarray(at + 8, at + head), seed)) !== bytes.readUInt32LE(at + 4)) return 'checksum'
  if (bytes[at + 8] !== CHUNK_FORMAT) return 'format'
  const header: ChunkHeader = {
    flags: bytes[at + 9]!,
    keyId: bytes.readUInt16LE(at + 10),
    payloadBytes,
    fileId: getU64(bytes, at + 16),
    epoch: bytes.readUInt32LE(at + 24),
    ordinal: bytes.readUInt32LE(at + 28),
    fileOffset: getU64(bytes, at + 32),
    syncedOffset: getU64(bytes, at + 40),
    use: bytes.readUInt32LE(at + 48),
  }
  const sound =
    header.flags <= (FIRST | LAST) &&
    header.keyId === 0 &&
    header.fileId <= Number.MAX_SAFE_INTEGER &&
    header.fileOffset <= Number.MAX_SAFE_INTEGER &&
    header.syncedOffset <= header.fileOffset &&
    bytes.readUInt32LE(at + 52) === 0
  return sound ? header : 'fields'
}

/** The stored CRC of page `page`, from a decoded head at `at`. */
export function pageCrc(bytes: Buffer, at: number, page: number): number {
  return bytes.readUInt32LE(at + CHUNK_HEADER_BYTES + 4 * page)
}

/** True when every page of `payload` has the CRC that the head at `at` of `bytes` says. */
export function checkPayload(bytes: Buffer, at: number, payload: Uint8Array): boolean {
  for (let page = 0, from = 0; from < payload.length; page++, from += PAGE_BYTES) {
    if (crc32(payload.subarray(from, from + PAGE_BYTES)) !== pageCrc(bytes, at, page)) return false
  }
  return true
}
