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
        (error: unknown) => {
          this.failures++
          this.lastFailure = error
        },
      )
      .finally(() => this.#running.delete(task))
    this.#running.add(task)
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
