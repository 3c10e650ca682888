import type { AppendFile } from '@vivefs/pfaof'
import { crc32, maskCrc } from '@vivefs/pfaof'
import type { Op } from '../op.ts'
import type { NamedFile } from './named-file.ts'

/** `index-N`: a copy of the end of `table-N` on a faster medium. Drawn in FORMAT.md, "Index copy". */
const MAGIC: Buffer = Buffer.from([0x89, 0x76, 0x4c, 0x49, 0x0d, 0x0a, 0x1a, 0x0a])
const VERSION = 1
export const INDEX_HEADER_BYTES = 32
const CRC_AT = 28

/** The header of the copy of everything from `start` on in `table-<number>`. */
export function encodeIndexHeader(number: number, start: number): Buffer {
  const header = Buffer.alloc(INDEX_HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt16LE(VERSION, 8)
  header.writeUInt32LE(number, 12)
  header.writeUIntLE(start, 16, 6)
  header.writeUInt32LE(maskCrc(crc32(header.subarray(0, CRC_AT))), CRC_AT)
  return header
}

/** Where the copy begins in the table; undefined: it is no copy of the end of this table. */
export function decodeIndexHeader(header: Buffer, number: number): number | undefined {
  if (header.length !== INDEX_HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (header.readUInt32LE(CRC_AT) !== maskCrc(crc32(header.subarray(0, CRC_AT)))) return undefined
  if (header.readUInt16LE(8) !== VERSION || header.readUInt32LE(12) !== number) return undefined
  return header.readUIntLE(16, 6)
}

/**
 * A table whose end (filters, range tombstones, index, properties, footer) is read from a copy. The table itself is whole: the copy may be
 * lost, and is left aside where its header does not say that it belongs here.
 */
export class IndexedFile implements AppendFile {
  readonly #table: NamedFile
  readonly #copy: NamedFile
  /** Where the copy begins in the table. */
  readonly #start: number

  private constructor(table: NamedFile, copy: NamedFile, start: number) {
    this.#table = table
    this.#copy = copy
    this.#start = start
  }

  /** The table with its copy, or without when it is none. */
  static *open(number: number, table: NamedFile, copy: NamedFile): Op<AppendFile> {
    const header = Buffer.alloc(INDEX_HEADER_BYTES)
    const bytes = yield* copy.read(0, header)
    const start = decodeIndexHeader(header.subarray(0, bytes), number)
    if (start === undefined || start + copy.size - INDEX_HEADER_BYTES !== table.size) return table
    return new IndexedFile(table, copy, start)
  }

  get id(): number {
    return this.#table.id
  }

  get name(): string {
    return this.#table.name
  }

  get size(): number {
    return this.#table.size
  }

  get syncedSize(): number {
    return this.#table.syncedSize
  }

  get sealed(): boolean {
    return this.#table.sealed
  }

  get medium(): string | undefined {
    return this.#table.medium
  }

  appendNow(parts: readonly Uint8Array[]): number | undefined {
    return this.#table.appendNow(parts)
  }

  *append(parts: readonly Uint8Array[]): Op<number> {
    return yield* this.#table.append(parts)
  }

  *read(offset: number, into: Uint8Array): Op<number> {
    if (offset < this.#start) return yield* this.#table.read(offset, into)
    return yield* this.#copy.read(offset - this.#start + INDEX_HEADER_BYTES, into)
  }

  readNow(offset: number, into: Uint8Array): number | undefined {
    if (offset < this.#start) return this.#table.readNow(offset, into)
    return this.#copy.readNow(offset - this.#start + INDEX_HEADER_BYTES, into)
  }

  *sync(): Op<void> {
    yield* this.#table.sync()
  }

  *seal(): Op<void> {
    yield* this.#table.seal()
  }
}
