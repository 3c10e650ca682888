import type { AppendFile } from '@vivefs/pfaof'
import type { Bytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import type { Op } from '../op.ts'
import { fileName, type Storage } from '../storage/storage.ts'
import type { TableMeta } from '../table-meta.ts'
import type { TableStore } from './table-writer.ts'

/** The files of the tables that a job writes, on the thread that owns the storage. */
export class TableFiles implements TableStore {
  readonly #storage: Storage
  readonly #bytesExpected: number
  readonly #files = new Map<number, AppendFile>()
  bytesWritten = 0

  constructor(storage: Storage, bytesExpected: number) {
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

  /** Makes the tables durable, for ever as they are. */
  *seal(): Op<void> {
    for (const file of this.#files.values()) yield* file.seal()
  }

  /** Removes what was written: the job failed, and no version knows of it. */
  *discard(): Op<void> {
    for (const table of this.#files.keys()) yield* this.#storage.remove('table', table)
    this.#files.clear()
    this.bytesWritten = 0
  }
}
