import type { AppendFile } from '@vivefs/pfaof'
import type { Bytes } from '../bytes.ts'
import type { BlobFileMeta } from '../manifest/version-edit.ts'
import type { Op } from '../op.ts'
import type { CreateOptions, Storage } from '../storage/storage.ts'
import { BlobFiles } from './blob-files.ts'
import { encodeBlobHeader } from './blob-format.ts'
import type { ValueItem } from './value-sink.ts'

/** Bytes of one append. */
const APPEND_BYTES = 1 << 20

/** The blob files that a job writes, on the thread that owns the storage. */
export class BlobOutputs {
  readonly #storage: Storage
  readonly #blobs: BlobFiles
  /** Where values that move are read: not as users do. */
  readonly sources: BlobFiles
  readonly #create: CreateOptions
  readonly #files = new Map<number, AppendFile>()
  bytesWritten = 0

  constructor(storage: Storage, blobs: BlobFiles, create: CreateOptions) {
    this.#storage = storage
    this.#blobs = blobs
    this.sources = new BlobFiles(storage, 'blob-rewrite')
    this.#create = create
  }

  /** Appends entries; values that lie elsewhere are copied from there. LEVEL_CORRUPTION when such a value is not sound. */
  *append(number: number, items: readonly ValueItem[]): Op<void> {
    let parts: Bytes[] = []
    let bytes = 0
    let file = this.#files.get(number)
    if (file === undefined) {
      file = yield* this.#storage.create('blob', number, this.#create)
      this.#files.set(number, file)
      parts.push(encodeBlobHeader(number))
    }
    for (const { head, value } of items) {
      const moved = value instanceof Uint8Array ? value : yield* this.sources.read(value)
      parts.push(head, moved)
      bytes += head.length + moved.length
      if (bytes < APPEND_BYTES) continue
      yield* this.#write(file, parts)
      parts = []
      bytes = 0
    }
    if (parts.length > 0) yield* this.#write(file, parts)
  }

  *#write(file: AppendFile, parts: readonly Bytes[]): Op<void> {
    const before = file.size
    yield* file.append(parts)
    this.bytesWritten += file.size - before
  }

  /** Makes the files durable, for ever as they are. */
  *seal(): Op<void> {
    for (const file of this.#files.values()) yield* file.seal()
  }

  /** For the edit that names them. */
  metas(createdMs: number): BlobFileMeta[] {
    return [...this.#files].map(([number, { size }]) => ({ number, kind: 'blob', bytes: size, createdMs }))
  }

  /** Removes what was written: the job failed, and no version knows of it. */
  *discard(): Op<void> {
    for (const number of this.#files.keys()) {
      this.#blobs.forget(number)
      yield* this.#storage.remove('blob', number)
    }
    this.#files.clear()
    this.bytesWritten = 0
  }
}
