import type { AppendFile } from '@vivefs/pfaof'
import type { BlobFiles } from '../blob/blob-files.ts'
import { BlobOutputs } from '../blob/blob-outputs.ts'
import type { ValueItem } from '../blob/value-sink.ts'
import type { Bytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import type { Op } from '../op.ts'
import { fileName, type Storage } from '../storage/storage.ts'
import type { TableMeta } from '../table-meta.ts'
import type { TableStore } from './table-writer.ts'

/** The files that a job writes, tables and values, on the thread that owns the storage. */
export class TableFiles implements TableStore {
  readonly #storage: Storage
  readonly #bytesExpected: number
  readonly #files = new Map<number, AppendFile>()
  bytesWritten = 0
  readonly blobs: BlobOutputs

  /** @param o `valueBytes`: of the values that are written, about */
  constructor(storage: Storage, bytesExpected: number, o: { blobs: BlobFiles; valueBytes: number }) {
    this.blobs = new BlobOutputs(storage, o.blobs, o.valueBytes)
    this.#storage = storage
    this.#bytesExpected = bytesExpected
  }

  *write(table: number, parts: readonly Bytes[]): Op<void> {
    let file = this.#files.get(table)
    if (file === undefined) {
      file = yield* this.#storage.create('table', table, { bytesExpected: this.#bytesExpected })
      this.#files.set(table, file)
    }
    const before = file.size
    yield* file.append(parts)
    this.bytesWritten += file.size - before
  }

  *end(meta: TableMeta): Op<void> {
    const size = this.#files.get(meta.number)?.size
    if (size === meta.bytes) return
    const name = fileName('table', meta.number)
    throw new LevelError('LEVEL_CORRUPTION', `${name} has ${size} bytes, its builder wrote ${meta.bytes}`)
  }

  values(file: number, items: readonly ValueItem[]): Op<void> {
    return this.blobs.append(file, items)
  }

  /** Makes the files durable, for ever as they are. */
  *seal(): Op<void> {
    yield* this.blobs.seal()
    for (const file of this.#files.values()) yield* file.seal()
  }

  /** Removes what was written: the job failed, and no version knows of it. */
  *discard(): Op<void> {
    yield* this.blobs.discard()
    for (const table of this.#files.keys()) yield* this.#storage.remove('table', table)
    this.#files.clear()
    this.bytesWritten = 0
  }
}
