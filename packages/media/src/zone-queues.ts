/** The asynchronous work of each zone, one piece after the other: appends land in the order in which they were asked for. */
import { MediumError } from './error.ts'

/** Most asynchronous appends, finishes and resets that may wait for one zone. */
export const ZONE_QUEUE_MAX = 1024

interface ZoneQueue {
  tail: Promise<unknown>
  waiting: number
}

export class ZoneQueues {
  readonly #queues = new Map<number, ZoneQueue>()

  /** Zones with work under way. */
  get size(): number {
    return this.#queues.size
  }

  /**
   * Runs `work` after everything that was asked of the zone before, at once if nothing is.
   * @throws {MediumError} MEDIA_BUSY when ZONE_QUEUE_MAX wait already
   */
  run<T>(zone: number, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(zone) ?? { tail: Promise.resolve(), waiting: 0 }
    if (queue.waiting >= ZONE_QUEUE_MAX) {
      throw new MediumError('MEDIA_BUSY', `${ZONE_QUEUE_MAX} operations wait for zone ${zone}`, { zone })
    }
    const result = queue.waiting === 0 ? work() : queue.tail.then(work)
    queue.waiting++
    this.#queues.set(zone, queue)
    queue.tail = result.then(
      () => this.#leave(zone, queue),
      () => this.#leave(zone, queue),
    )
    return result
  }

  /** For synchronous operations. @throws {MediumError} MEDIA_BUSY when something asynchronous is under way in the zone */
  checkIdle(zone: number): void {
    if (this.#queues.has(zone)) throw new MediumError('MEDIA_BUSY', `zone ${zone} has asynchronous work`, { zone })
  }

  /** Resolves when all that is under way now has ended, well or badly. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.tail))
  }

  #leave(zone: number, queue: ZoneQueue): void {
    queue.waiting--
    if (queue.waiting === 0) this.#queues.delete(zone)
  }
}
