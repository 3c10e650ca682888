import type { AppendFile } from '@vivefs/pfaof'
import type { Op } from '../op.ts'
import type { Storage } from '../storage/storage.ts'
import { baseEdit, type TreeState } from '../version/tree-state.ts'
import { encodeManifestHeader, encodeRecord } from './manifest-file.ts'
import type { VersionEdit } from './version-edit.ts'

/** Appends edits to one manifest file. */
export class ManifestWriter {
  readonly number: number
  readonly #file: AppendFile
  /** Size of header and base edit. */
  readonly baseBytes: number

  private constructor(number: number, file: AppendFile) {
    this.number = number
    this.#file = file
    this.baseBytes = file.size
  }

  /** A new manifest that says `state`, in one append: it is there whole or not at all. Not durable before {@link sync}. */
  static *start(storage: Storage, number: number, state: TreeState): Op<ManifestWriter> {
    const file = yield* storage.create('manifest', number, { bytesExpected: 0 })
    yield* file.append([encodeManifestHeader(), ...encodeRecord(baseEdit(state))])
    return new ManifestWriter(number, file)
  }

  get bytes(): number {
    return this.#file.size
  }

  /** Not durable before {@link sync}. */
  *append(edit: VersionEdit): Op<void> {
    yield* this.#file.append(encodeRecord(edit))
  }

  sync(): Op<void> {
    return this.#file.sync()
  }

  seal(): Op<void> {
    return this.#file.seal()
  }
}
