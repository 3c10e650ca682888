/**
 * A runner for suites in the guest, where no test framework is: collects `describe` and `it`, runs one test after the
 * other, prints a line for each, and a JSON line at the end for the host.
 */
interface Test {
  readonly name: string
  readonly body: () => Promise<void> | void
}

const LIMIT_MS = Number(process.env.TEST_LIMIT_MS ?? 600_000)

export class Runner {
  readonly #tests: Test[] = []
  readonly #path: string[] = []
  readonly #only: RegExp
  readonly facts: Record<string, unknown> = {}

  /** `only`: names that match are run. */
  constructor(only = process.env.TEST_ONLY ?? '') {
    this.#only = new RegExp(only)
  }

  readonly describe = (name: string, body: () => void): void => {
    this.#path.push(name)
    body()
    this.#path.pop()
  }

  readonly it = (name: string, body: () => Promise<void> | void): void => {
    const full = [...this.#path, name].join(' > ')
    if (this.#only.test(full)) this.#tests.push({ name: full, body })
  }

  /** Runs everything; true when all passed. */
  async run(): Promise<boolean> {
    let failed = 0
    const failures: string[] = []
    const begin = performance.now()
    for (const { name, body } of this.#tests) {
      const start = performance.now()
      let timer: NodeJS.Timeout | undefined
      try {
        const late = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error(`not done after ${LIMIT_MS} ms`)), LIMIT_MS)
        })
        await Promise.race([Promise.resolve(body()), late])
        console.log(`ok   ${((performance.now() - start) / 1000).toFixed(2).padStart(6)} s  ${name}`)
      } catch (error) {
        failed++
        failures.push(name)
        console.log(`FAIL ${((performance.now() - start) / 1000).toFixed(2).padStart(6)} s  ${name}`)
        console.log(error instanceof Error ? (error.stack ?? error.message) : String(error))
        if (error instanceof Error && error.cause !== undefined) console.log('cause:', error.cause)
      } finally {
        clearTimeout(timer)
      }
    }
    const seconds = Math.round((performance.now() - begin) / 1000)
    const result = { passed: this.#tests.length - failed, failed, failures, seconds, facts: this.facts }
    console.log(`RESULT ${JSON.stringify(result)}`)
    return failed === 0 && this.#tests.length > 0
  }
}
