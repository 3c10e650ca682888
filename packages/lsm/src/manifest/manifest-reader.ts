import type { AppendFile } from '@vivefs/pfaof'
import { LevelError } from '../error.ts'
import type { Op } from '../op.ts'
import { fileName } from '../storage/storage.ts'
import { EMPTY_TREE, nextState, type TreeState } from '../version/tree-state.ts'
import {
  decodeManifestHeader,
  decodeRecord,
  MANIFEST_HEADER_BYTES,
  type ManifestFault,
  type ManifestRecord,
} from './manifest-file.ts'

/** Follows one manifest file: what it says so far, and from where it goes on. */
export class ManifestReader {
  readonly number: number
  readonly #file: AppendFile
  readonly #readOnly: boolean
  #at = 0
  state: TreeState = EMPTY_TREE
  edits = 0

  constructor(number: number, file: AppendFile, readOnly: boolean) {
    this.number = number
    this.#file = file
    this.#readOnly = readOnly
  }

  /** Bytes read and understood. */
  get bytes(): number {
    return this.#at
  }

  /** Takes in what was appended since; true when that was anything. LEVEL_CORRUPTION, LEVEL_FORMAT. */
  *read(): Op<boolean> {
    const start = this.#at
    const left = this.#file.size - start
    if (left <= 0) return false
    const bytes = Buffer.allocUnsafe(left)
    const got = yield* this.#file.read(start, bytes)
    if (got !== left) throw this.#error({ fault: `${got} bytes of ${left} could be read` })
    let at = 0
    if (start === 0) {
      const header = decodeManifestHeader(bytes, this.#readOnly)
      if ('fault' in header) throw this.#error(header)
      at = MANIFEST_HEADER_BYTES
    }
    while (at < bytes.length) {
      this.#at = start + at
      const record = decodeRecord(bytes, at)
      if ('fault' in record) throw this.#error(record)
      this.#take(record)
      at = record.end
    }
    this.#at = start + at
    return true
  }

  #take(record: ManifestRecord): void {
    const { edit } = record
    if ((edit.base === true) !== (this.edits === 0))
      throw this.#error({ fault: 'M8 the first edit, and no other, is a base' })
    const next = nextState(this.state, edit)
    if ('fault' in next) throw this.#error(next)
    this.state = next
    this.edits++
  }

  #error({ fault, format }: ManifestFault): LevelError {
    const place = `${fileName('manifest', this.number)} at offset ${this.#at}`
    return new LevelError(format === true ? 'LEVEL_FORMAT' : 'LEVEL_CORRUPTION', `${place}: ${fault}`)
  }
}
