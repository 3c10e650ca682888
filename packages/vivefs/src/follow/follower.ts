/** A volume that is read beside its writer: takes in what was written, again and again. */

import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { superuser } from '../core/mode.ts'
import { countersKey, superblockKey } from '../format/keys.ts'
import { decodeCounters, decodeSuperblock } from '../format/superblock.ts'
import { type Op, runAsync } from '../op.ts'
import type { FollowerStore } from './follower-store.ts'

export const FOLLOW_MS_DEFAULT = 200

/** How far behind its writer a follower may be. */
export interface FollowStatus {
  /** When what it shows was taken in: everything acknowledged before is there. */
  readonly asOf: Date
  /** Milliseconds since then: the lag is at most that. */
  readonly lagMs: number
  readonly refreshes: number
  /** Why the last refresh failed; the next one tries again. */
  readonly failure: unknown
}

export class Follower {
  readonly #core: Core
  readonly #store: FollowerStore
  readonly #takeIn: () => Promise<void>
  readonly #everyMs: number
  #asOfMs: number
  #refreshes = 0
  #failure: unknown
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** `takeIn`: lets the database take in what is there. `everyMs` 0: only when asked. `asOfMs`: when it was opened. */
  constructor(core: Core, store: FollowerStore, takeIn: () => Promise<void>, everyMs: number, asOfMs: number) {
    this.#core = core
    this.#store = store
    this.#takeIn = takeIn
    this.#everyMs = everyMs
    this.#asOfMs = asOfMs
    this.#schedule()
  }

  get status(): FollowStatus {
    const asOf = new Date(this.#asOfMs)
    return { asOf, lagMs: Date.now() - this.#asOfMs, refreshes: this.#refreshes, failure: this.#failure }
  }

  /** What was acknowledged before the call is seen when it resolves. */
  async refresh(): Promise<void> {
    // One that is under way may have looked already.
    await this.#running?.catch(() => {})
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  async #run(): Promise<void> {
    if (this.#isClosed) return
    const asOfMs = Date.now()
    try {
      await this.#takeIn()
      this.#store.overtake()
      await runAsync(this.#core.read(superuser, (call) => this.#reload(call)))
      await runAsync(this.#core.feed.mount())
      this.#asOfMs = asOfMs
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
      throw error
    } finally {
      this.#refreshes++
    }
  }

  /** What the core knows of the volume as a whole. */
  *#reload(call: Call): Op<void> {
    const superblock = yield* call.tx.get(superblockKey)
    const counters = yield* call.tx.get(countersKey)
    const whole = superblock === undefined ? undefined : decodeSuperblock(superblock)
    const counted = counters === undefined ? undefined : decodeCounters(counters)
    call.tx.onCommit(() => {
      if (whole?.ok) this.#core.superblock = whole.value
      if (counted?.ok) Object.assign(this.#core.counters, counted.value)
    })
  }

  #schedule(): void {
    if (this.#everyMs === 0 || this.#isClosed) return
    this.#timer = setTimeout(() => {
      void this.refresh()
        // It is in the status, and whoever refreshes himself meets it.
        .catch(() => {})
        .finally(() => this.#schedule())
    }, this.#everyMs).unref()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#running?.catch(() => {})
  }
}
