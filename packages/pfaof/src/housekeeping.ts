/** Work that nobody waits for at once: finishing full zones, emptying dead ones. Joined at close; failures are kept. */
export class Housekeeping {
  readonly #running: Set<Promise<void>> = new Set()
  /** Failures since open; the latest is kept for the status. */
  failures = 0
  lastFailure: unknown

  get running(): number {
    return this.#running.size
  }

  run(work: () => Promise<unknown>): void {
    const task: Promise<void> = work()
      .then(
        () => {},
        (error: unknown) => this.failed(error),
      )
      .finally(() => this.#running.delete(task))
    this.#running.add(task)
  }

  /** Such work was done on the spot, and failed. */
  failed(error: unknown): void {
    this.failures++
    this.lastFailure = error
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
