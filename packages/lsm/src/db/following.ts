/** What the refreshes of a database that follows its writer came to. */
export interface FollowStats {
  /** Since it was opened, on demand and by themselves. */
  readonly refreshes: number
  /** Why the newest one failed; undefined: it did not. The one after it tries again. */
  readonly failure: string | undefined
  /**
   * Tables of level 0 that lie on volatile media, which are the writer's memory: what is in them was read from their logs. So a reader sees what
   * is durable, and needs memory for it.
   */
  readonly replayedTables: number
}

/** Takes in what the writer of a database has done: on demand, and by itself every so many milliseconds. One refresh runs at a time. */
export class Following {
  readonly #refresh: () => Promise<void>
  readonly #replayed: () => number
  readonly #everyMs: number
  #running: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #refreshes = 0
  #failure: unknown

  /**
   * @param replayed tables that were read from their logs
   * @param everyMs 0: on demand only
   */
  constructor(refresh: () => Promise<void>, replayed: () => number, everyMs: number) {
    this.#refresh = refresh
    this.#replayed = replayed
    this.#everyMs = everyMs
    this.#schedule()
  }

  /** A process that has nothing else to do may end. */
  #schedule(): void {
    if (this.#everyMs === 0 || this.#closed) return
    this.#timer = setTimeout(() => {
      // The failure is kept for the statistics, and whoever refreshes himself meets it.
      void this.refresh()
        .catch(() => {})
        .finally(() => this.#schedule())
    }, this.#everyMs).unref()
  }

  /** What the writer did before the call is seen when it resolves. */
  refresh(): Promise<void> {
    const running = this.#running.catch(() => {}).then(() => this.#run())
    this.#running = running
    return running
  }

  async #run(): Promise<void> {
    if (this.#closed) return
    try {
      await this.#refresh()
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
      throw error
    } finally {
      this.#refreshes++
    }
  }

  get stats(): FollowStats {
    const why = this.#failure
    const failure = why === undefined ? undefined : why instanceof Error ? why.message : String(why)
    return { refreshes: this.#refreshes, failure, replayedTables: this.#replayed() }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running.catch(() => {})
  }
}
