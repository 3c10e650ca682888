/** Counts what a transfer did, reports progress, lets the event loop breathe, and stops when asked to. */
import { setImmediate as turn } from 'node:timers/promises'
import { Findings } from './findings.ts'
import type { TransferOptions, TransferPhase, TransferReport } from './types.ts'

const PROGRESS_MS = 50
/** Synchronous work goes on for at most about this long. */
const BREATH_MS = 8

export class Meter {
  directories = 0
  files = 0
  symlinks = 0
  hardLinks = 0
  specials = 0
  bytes = 0
  total: number | undefined
  phase: TransferPhase
  readonly findings: Findings
  readonly #options: TransferOptions
  readonly #startMs = performance.now()
  #shownMs = 0
  #breathedMs = performance.now()

  constructor(phase: TransferPhase, options: TransferOptions) {
    this.phase = phase
    this.#options = options
    this.findings = new Findings(options.findingsMax)
  }

  get wantsProgress(): boolean {
    return this.#options.onProgress !== undefined
  }

  assertGoingOn(): void {
    this.#options.signal?.throwIfAborted()
  }

  /** Between two steps: reports, lets events in now and then, and throws the reason of an abort. */
  async breathe(): Promise<void> {
    const now = performance.now()
    if (now - this.#breathedMs > BREATH_MS) {
      await turn()
      this.#breathedMs = performance.now()
    }
    this.assertGoingOn()
    if (now - this.#shownMs > PROGRESS_MS) this.show()
  }

  show(): void {
    this.#shownMs = performance.now()
    const files = this.files + this.directories + this.symlinks + this.hardLinks + this.specials
    this.#options.onProgress?.({ phase: this.phase, loaded: this.bytes, total: this.total, files })
  }

  report(): TransferReport {
    this.show()
    const { directories, files, symlinks, hardLinks, specials, bytes, findings } = this
    return {
      directories,
      files,
      symlinks,
      hardLinks,
      specials,
      bytes,
      seconds: (performance.now() - this.#startMs) / 1000,
      findingCounts: findings.counts,
      findingCount: findings.count,
      findings: findings.list,
    }
  }
}
