import type { AppendFile } from '@vivefs/pfaof'
import type { Op } from '../op.ts'
import { levelError } from './failure.ts'
import type { FileAccount } from './file-account.ts'

/** A file whose errors are `LEVEL_*` and say its name, and whose bytes are counted. */
export class NamedFile implements AppendFile {
  readonly name: string
  readonly #file: AppendFile
  readonly #account: FileAccount

  constructor(name: string, file: AppendFile, account: FileAccount) {
    this.name = name
    this.#file = file
    this.#account = account
  }

  get id(): number {
    return this.#file.id
  }

  get size(): number {
    return this.#file.size
  }

  get syncedSize(): number {
    return this.#file.syncedSize
  }

  get medium(): string | undefined {
    return this.#file.medium
  }

  get sealed(): boolean {
    return this.#file.sealed
  }

  appendNow(parts: readonly Uint8Array[]): number | undefined {
    const file = this.#file
    const before = file.size
    try {
      const offset = file.appendNow(parts)
      if (offset !== undefined) this.#account.wrote(file.medium, file.size - before)
      return offset
    } catch (error) {
      throw levelError(error, `${this.name}: append`)
    }
  }

  *append(parts: readonly Uint8Array[]): Op<number> {
    const file = this.#file
    const before = file.size
    try {
      const offset = yield* file.append(parts)
      this.#account.wrote(file.medium, file.size - before)
      return offset
    } catch (error) {
      throw levelError(error, `${this.name}: append`)
    }
  }

  *read(offset: number, into: Uint8Array): Op<number> {
    try {
      const bytes = yield* this.#file.read(offset, into)
      this.#account.read(this.#file.medium, offset, bytes)
      return bytes
    } catch (error) {
      throw levelError(error, `${this.name} on ${this.medium}: read of ${into.length} bytes at ${offset}`)
    }
  }

  /** Reads on the spot; undefined when the medium would have to be waited for: then use {@link read}. */
  readNow(offset: number, into: Uint8Array): number | undefined {
    try {
      const bytes = this.#file.readNow(offset, into) ?? this.#readStep(offset, into)
      if (bytes !== undefined) this.#account.read(this.#file.medium, offset, bytes)
      return bytes
    } catch (error) {
      throw levelError(error, `${this.name} on ${this.medium}: read of ${into.length} bytes at ${offset}`)
    }
  }

  /** Where the bytes lie has to be looked for first, which need not wait either. */
  #readStep(offset: number, into: Uint8Array): number | undefined {
    const op = this.#file.read(offset, into)
    const step = op.next()
    if (step.done) return step.value
    op.return(0)
    return undefined
  }

  *sync(): Op<void> {
    try {
      yield* this.#file.sync()
    } catch (error) {
      throw levelError(error, `${this.name}: sync`)
    }
  }

  *seal(): Op<void> {
    try {
      yield* this.#file.seal()
    } catch (error) {
      throw levelError(error, `${this.name}: seal`)
    }
  }
}
