import type { Lifetime } from '@vivefs/media'
import { isPfaofError, PfaofError } from './error.ts'
import type { Op } from './op.ts'
import { Turn } from './turn.ts'
import type { VolumeMedium } from './volume-medium.ts'
import type { ZoneAllocator } from './zone-allocator.ts'
import type { ZoneWriter } from './zone-writer.ts'

/** A record's rest does not start in less room than this, unless it fits. */
const ROOM_BYTES_MIN = 4096

/**
 * The zones being written. Small files of one lifetime share a zone, so that what dies together lies together; a file that says it will
 * be large gets a zone of its own. Where the medium allows no more open zones, or none is free, files move together.
 */
export class ZonePool {
  readonly #allocators: readonly ZoneAllocator[]
  readonly #media: readonly VolumeMedium[]
  readonly #serial: () => number
  readonly #shared: Map<string, ZoneWriter> = new Map()
  readonly #own: Map<number, ZoneWriter> = new Map()
  readonly #turn = new Turn()

  constructor(media: readonly VolumeMedium[], allocators: readonly ZoneAllocator[], serial: () => number) {
    this.#media = media
    this.#allocators = allocators
    this.#serial = serial
  }

  /** True while `bytes` more can sensibly go to this writer. */
  static accepts(writer: ZoneWriter, bytes: number): boolean {
    const room = writer.payloadMax
    return room >= 1 && room >= Math.min(bytes, ROOM_BYTES_MIN)
  }

  /**
   * A writer with room for `bytes`, or for a good part of them, on the first of `media` that has one. `reclaim`: may take the reserve.
   * PFAOF_NO_SPACE, or PFAOF_POISONED, when no medium has room.
   */
  *writerFor(
    file: { id: number; media: readonly number[]; lifetime: Lifetime; own: boolean },
    bytes: number,
    reclaim = false,
  ): Op<ZoneWriter> {
    yield* this.#turn.take()
    try {
      let refusal: unknown
      for (const number of file.media) {
        const { gate, name } = this.#media[number]!
        if (gate.failure !== undefined) {
          refusal ??= new PfaofError('PFAOF_POISONED', `a flush of ${name} failed (I12)`, gate.failure, name)
          continue
        }
        let full = false
        const key = `${number}/${file.lifetime}`
        const current = file.own ? this.#own.get(file.id) : this.#shared.get(key)
        if (current !== undefined && current.medium.number === number) {
          if (ZonePool.accepts(current, bytes)) return current
          if (this.#media[number]!.endsWithZone) yield* this.#finish(current)
          else this.#retire(current)
        }
        const allocator = this.#allocators[number]!
        if (allocator.mayOpen) {
          try {
            const opened = yield* allocator.open(reclaim)
            if (file.own) this.#own.set(file.id, opened)
            else this.#shared.set(key, opened)
            return opened
          } catch (error) {
            if (!isPfaofError(error, 'PFAOF_NO_SPACE')) throw error
            full = true
            refusal ??= error
          }
        }
        const other = this.#any(number, bytes)
        if (other !== undefined) return other
        if (!full) {
          // Every open zone is full for this record: one makes room.
          const victim = this.#writers(number).next().value
          if (victim !== undefined) yield* this.#finish(victim)
          const opened = yield* allocator.open(reclaim)
          this.#shared.set(key, opened)
          return opened
        }
      }
      throw refusal
    } finally {
      this.#turn.release()
    }
  }

  *#writers(number: number): Generator<ZoneWriter, undefined> {
    for (const writer of this.#shared.values()) if (writer.medium.number === number) yield writer
    for (const writer of this.#own.values()) if (writer.medium.number === number) yield writer
    return undefined
  }

  #any(number: number, bytes: number): ZoneWriter | undefined {
    for (const writer of this.#writers(number)) if (ZonePool.accepts(writer, bytes)) return writer
    return undefined
  }

  #drop(writer: ZoneWriter): void {
    for (const [key, shared] of this.#shared) if (shared === writer) this.#shared.delete(key)
    for (const [id, own] of this.#own) if (own === writer) this.#own.delete(id)
  }

  #retire(writer: ZoneWriter): void {
    this.#drop(writer)
    this.#allocators[writer.medium.number]!.retire(writer, this.#serial())
  }

  /** After a failed append: the zone takes nothing more (I14). */
  failed(writer: ZoneWriter): void {
    this.#retire(writer)
  }

  /** A file is sealed or gone: its own zone, if it had one, serves small files or is finished. */
  leave(file: { id: number; lifetime: Lifetime }): void {
    const writer = this.#own.get(file.id)
    if (writer === undefined) return
    this.#own.delete(file.id)
    const key = `${writer.medium.number}/${file.lifetime}`
    if (!this.#shared.has(key) && ZonePool.accepts(writer, ROOM_BYTES_MIN) && !writer.medium.wholeObjects)
      this.#shared.set(key, writer)
    else this.#retire(writer)
  }

  *#finish(writer: ZoneWriter): Op<void> {
    this.#drop(writer)
    const number = writer.medium.number
    try {
      yield* this.#allocators[number]!.finish(writer, this.#serial())
    } catch (error) {
      // What the zone held was never acknowledged, but files go on behind it: only opening anew tells what is there (I12).
      writer.medium.gate.failure ??= error as Error
      throw error
    }
  }

  /** Ends the zones of a medium that has no other way to make them durable; `all`: those without a byte too. */
  *settle(number: number, all = false): Op<void> {
    if (!this.#media[number]!.endsWithZone) return
    const allocator = this.#allocators[number]!
    yield* allocator.idle()
    for (const writer of [...this.#writers(number)]) {
      yield* writer.turn.take()
      try {
        if (all || writer.at > 0) yield* this.#finish(writer)
      } finally {
        writer.turn.release()
      }
    }
  }

  /** Ends all writing. */
  close(): void {
    for (const medium of this.#media) for (const writer of [...this.#writers(medium.number)]) this.#retire(writer)
  }
}
