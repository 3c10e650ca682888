import type { AppendFile } from '@vivefs/pfaof'
import type { Op } from '../op.ts'
import { levelError } from './failure.ts'

/** A file whose errors are `LEVEL_*` and say its name. */
export class NamedFile implements AppendFile {
  readonly name: string
  readonly #file: AppendFile

  constructor(name: string, file: AppendFile) {
    this.name = name
    this.#file = file
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

  *append(parts: readonly Uint8Array[]): Op<number> {
    try {
      return yield* this.#file.append(parts)
    } catch (error) {
      throw levelError(error, `${this.name}: append`)
    }
  }

  *read(offset: number, into: Uint8Array): Op<number> {
    try {
      return yield* this.#file.read(offset, into)
    } catch (error) {
      throw levelError(error, `${this.name}: read of ${into.length} bytes at ${offset}`)
    }
  }

  /** Reads on the spot; undefined when the medium would have to be waited for: then use {@link read}. */
  readNow(offset: number, into: Uint8Array): number | undefined {
    try {
      const op = this.#file.read(offset, into)
      const step = op.next()
      if (step.done) return step.value
      op.return(0)
      return undefined
    } catch (error) {
      throw levelError(error, `${this.name}: read of ${into.length} bytes at ${offset}`)
    }
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
