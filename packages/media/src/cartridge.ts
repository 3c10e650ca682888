/**
 * A tape cartridge: a sequence of records, in memory or in one file.
 *
 *   0            4096
 *   | superblock | record | record | ...            end of data = end of the file, or the first bad record header
 *
 *   record (little-endian):
 *     0   4   'BLCK' 0x4b434c42 data block, or 'FMRK' 0x4b524d46 filemark
 *     4   4   length n of the payload; 0 for a filemark
 *     8   4   CRC-32 of the payload
 *     12  4   CRC-32 of bytes [0, 12)
 *     16  n   payload
 *
 * Invariant T1: writing a record destroys every record behind it, as on tape.
 */
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync } from 'node:fs'
import { crc32 } from './checksum.ts'
import { readFully, writeFully } from './durable-file.ts'
import { MediumError } from './error.ts'
import type { Bytes } from './medium.ts'
import { SUPERBLOCK_BYTES } from './superblock.ts'

const BLOCK = 0x4b434c42
const FILEMARK = 0x4b524d46
export const RECORD_HEADER_BYTES = 16

export interface TapeRecord {
  readonly filemark: boolean
  readonly length: number
  /** Byte position of the header in the file, for the time model too. */
  readonly at: number
}

/** The header of a record, or undefined for anything else. Never throws. */
export function decodeRecordHeader(bytes: Bytes): { filemark: boolean; length: number; crc: number } | undefined {
  if (bytes.length < RECORD_HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, RECORD_HEADER_BYTES)
  const kind = view.getUint32(0, true)
  if ((kind !== BLOCK && kind !== FILEMARK) || view.getUint32(12, true) !== crc32(bytes.subarray(0, 12)))
    return undefined
  const length = view.getUint32(4, true)
  if (kind === FILEMARK && length !== 0) return undefined
  return { filemark: kind === FILEMARK, length, crc: view.getUint32(8, true) }
}

function encodeRecordHeader(filemark: boolean, payload: Bytes): Bytes {
  const header = new Uint8Array(RECORD_HEADER_BYTES)
  const view = new DataView(header.buffer)
  view.setUint32(0, filemark ? FILEMARK : BLOCK, true)
  view.setUint32(4, payload.length, true)
  view.setUint32(8, crc32(payload), true)
  view.setUint32(12, crc32(header.subarray(0, 12)), true)
  return header
}

export class Cartridge {
  readonly records: TapeRecord[] = []
  readonly #fd: number | undefined
  readonly #payloads: Bytes[] = []
  #end = SUPERBLOCK_BYTES

  /** @param path a file that begins with a superblock; undefined: in memory. */
  constructor(path?: string) {
    if (path === undefined) return
    this.#fd = openSync(path, 'r+')
    const size = fstatSync(this.#fd).size
    const header = new Uint8Array(RECORD_HEADER_BYTES)
    while (this.#end + RECORD_HEADER_BYTES <= size) {
      readFully(this.#fd, header, this.#end)
      const found = decodeRecordHeader(header)
      if (found === undefined || this.#end + RECORD_HEADER_BYTES + found.length > size) break
      this.#note(found.filemark, found.length)
    }
  }

  #note(filemark: boolean, length: number): void {
    this.records.push({ filemark, length, at: this.#end })
    this.#end += RECORD_HEADER_BYTES + length
  }

  /** Bytes of tape in use. */
  get usedBytes(): number {
    return this.#end - SUPERBLOCK_BYTES
  }

  /** Destroys the records from `index` on (T1). */
  truncate(index: number): void {
    const record = this.records[index]
    if (record === undefined) return
    this.records.length = index
    this.#payloads.length = Math.min(this.#payloads.length, index)
    this.#end = record.at
    if (this.#fd !== undefined) ftruncateSync(this.#fd, this.#end)
  }

  /** Writes a record at `index`; the payload is copied. */
  write(index: number, filemark: boolean, payload: Bytes): void {
    this.truncate(index)
    if (this.#fd === undefined) this.#payloads.push(payload.slice())
    else {
      writeFully(this.#fd, Buffer.concat([encodeRecordHeader(filemark, payload), payload]), this.#end)
    }
    this.#note(filemark, payload.length)
  }

  /** The payload of a block; MEDIA_IO when the tape gives back something else. The caller may keep it. */
  read(index: number): Bytes {
    const record = this.records[index]!
    if (this.#fd === undefined) return this.#payloads[index]!
    const bytes = new Uint8Array(RECORD_HEADER_BYTES + record.length)
    const read = readFully(this.#fd, bytes, record.at)
    const header = decodeRecordHeader(bytes)
    const payload = bytes.subarray(RECORD_HEADER_BYTES)
    if (read < bytes.length || header?.length !== record.length || header.crc !== crc32(payload)) {
      throw new MediumError('MEDIA_IO', `tape block ${index} is damaged`)
    }
    return payload
  }

  sync(): void {
    if (this.#fd !== undefined) fdatasyncSync(this.#fd)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}
