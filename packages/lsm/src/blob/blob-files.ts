import type { AppendFile } from '@vivefs/pfaof'
import { lengthBytes, writeLength } from '../batch/entry.ts'
import type { Bytes } from '../bytes.ts'
import { isLevelError, LevelError } from '../error.ts'
import type { Op } from '../op.ts'
import { fileName, type Storage } from '../storage/storage.ts'
import type { TrafficReason } from '../storage/traffic.ts'
import { type BlobPointer, readPointer } from './blob-pointer.ts'

/** Files that stay open; opening one again costs a look into a table. */
const FILES_MAX = 256

const NOTHING: Buffer = Buffer.alloc(0)

/** The pointer in an entry of kind BLOB. LEVEL_CORRUPTION. */
export function pointerOf(bytes: Buffer, start: number, end: number): BlobPointer {
  const pointer = readPointer(bytes, start, end)
  if (pointer === undefined) throw new LevelError('LEVEL_CORRUPTION', 'the value of a blob entry is no pointer')
  return pointer
}

/** A part of a value, cut to what there is of it. */
export function partOf(pointer: BlobPointer, offset: number, bytes: number): BlobPointer {
  const from = Math.min(offset, pointer.length)
  return { ...pointer, offset: pointer.offset + from, length: Math.min(bytes, pointer.length - from) }
}

/**
 * Reads separated values. They are read where they lie, into memory that is the caller's, and not kept: the operating system has them in
 * its page cache, and the database's own cache holds many small blocks in the room of one value.
 */
export class BlobFiles {
  readonly #storage: Storage
  readonly #reason: TrafficReason
  readonly #open = new Map<number, AppendFile>()

  /** `reason`: what the bytes that are read are counted for; those for users make heat. */
  constructor(storage: Storage, reason: TrafficReason = 'user') {
    this.#storage = storage
    this.#reason = reason
  }

  /** The value on the spot; undefined: something has to be waited for, drive {@link read}. LEVEL_CORRUPTION, LEVEL_IO_ERROR. */
  readNow(pointer: BlobPointer): Buffer | undefined {
    if (pointer.length === 0) return NOTHING
    const file = this.#open.get(pointer.file)
    if (file === undefined) return undefined
    const into = Buffer.allocUnsafe(pointer.length)
    const got = file.readNow(pointer.offset, into)
    if (got === undefined) return undefined
    if (got !== into.length) throw cutOff(pointer, got)
    return into
  }

  /** The value; the memory is the caller's. LEVEL_CORRUPTION, LEVEL_IO_ERROR, LEVEL_STALE. */
  *read(pointer: BlobPointer): Op<Buffer> {
    const into = Buffer.allocUnsafe(pointer.length)
    const file = this.#open.get(pointer.file) ?? (yield* this.#find(pointer))
    const got = yield* file.read(pointer.offset, into)
    if (got !== into.length) throw cutOff(pointer, got)
    return into
  }

  /** What is wrong with the value that the entry of `key` points to (B1); every byte of it is read. Undefined: nothing. */
  *verify(key: Bytes, pointer: BlobPointer): Op<string | undefined> {
    const head = Buffer.alloc(key.length + lengthBytes(pointer.length))
    head.set(key)
    writeLength(head, key.length, pointer.length)
    const name = fileName(pointer.kind, pointer.file)
    const where = `a value of ${pointer.length} bytes at ${pointer.offset} of ${name}`
    if (pointer.offset < head.length) return `${where} has no room for its key`
    const { kind, file } = pointer
    const offset = pointer.offset - head.length
    const bytes = yield* this.read({ kind, file, offset, length: head.length + pointer.length })
    return head.equals(bytes.subarray(0, head.length)) ? undefined : `${where} is not that of its key`
  }

  *#find(pointer: BlobPointer): Op<AppendFile> {
    let file: AppendFile
    try {
      file = yield* this.#storage.open(pointer.kind, pointer.file, this.#reason)
    } catch (error) {
      if (!this.#storage.readOnly || !isLevelError(error) || error.code !== 'LEVEL_CORRUPTION') throw error
      throw new LevelError('LEVEL_STALE', 'the writer has moved the value since: refresh and try again', error)
    }
    if (this.#open.size >= FILES_MAX) this.#open.delete(this.#open.keys().next().value!)
    this.#open.set(pointer.file, file)
    return file
  }

  /** The file is being removed. */
  forget(file: number): void {
    this.#open.delete(file)
  }
}

function cutOff({ kind, file, offset, length }: BlobPointer, got: number): LevelError {
  const what = `${got} of ${length} bytes of the value at ${offset} are there`
  return new LevelError('LEVEL_CORRUPTION', `${fileName(kind, file)}: ${what}`)
}
