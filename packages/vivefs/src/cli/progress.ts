/** A line on a terminal's stderr that shows how far something is: bar, bytes, rate, time left. Elsewhere nothing. */
import { humanBytes, humanCount, type Streams } from './output.ts'

const REDRAW_MS = 100
const BAR_CELLS = 24
/** How much the newest second weighs in the rate shown. */
const SMOOTHING_S = 3
const CLEAR_LINE = '\r\x1b[2K'

export interface Step {
  readonly phase: string
  /** Bytes, or units of the phase. */
  readonly loaded: number
  readonly total: number | undefined
  readonly files?: number
}

export class ProgressLine {
  readonly #stderr: Streams['stderr']
  readonly #isShown: boolean
  readonly #unit: 'bytes' | 'count'
  #phase = ''
  #drawnMs = 0
  #seenMs = 0
  #seenLoaded = 0
  #rate = 0
  #isDirty = false

  constructor(streams: Streams, options: { quiet?: boolean; unit?: 'bytes' | 'count' } = {}) {
    this.#stderr = streams.stderr
    this.#isShown = streams.stderr.isTTY === true && options.quiet !== true
    this.#unit = options.unit ?? 'bytes'
  }

  /** A callback for `onProgress`, or undefined when nobody looks: counting a tree first costs time. */
  get callback(): ((step: Step) => void) | undefined {
    return this.#isShown ? (step) => this.update(step) : undefined
  }

  update(step: Step): void {
    const now = performance.now()
    if (step.phase !== this.#phase) {
      this.#phase = step.phase
      this.#seenMs = now
      this.#seenLoaded = step.loaded
      this.#rate = 0
    } else if (now - this.#drawnMs < REDRAW_MS) return
    const seconds = (now - this.#seenMs) / 1000
    if (seconds > 0) {
      const rate = (step.loaded - this.#seenLoaded) / seconds
      const weight = this.#rate === 0 ? 1 : Math.min(1, seconds / SMOOTHING_S)
      this.#rate += (rate - this.#rate) * weight
      this.#seenMs = now
      this.#seenLoaded = step.loaded
    }
    this.#drawnMs = now
    const width = (this.#stderr.columns ?? 80) - 1
    this.#stderr.write(CLEAR_LINE + describe(step, this.#rate, this.#unit).slice(0, width))
    this.#isDirty = true
  }

  /** Takes the line away. */
  end(): void {
    if (this.#isDirty) this.#stderr.write(CLEAR_LINE)
    this.#isDirty = false
  }
}

/** The text of the line. `rate`: per second. */
export function describe(step: Step, rate: number, unit: 'bytes' | 'count' = 'bytes'): string {
  const { phase, loaded, total, files } = step
  const amount = (value: number): string => (unit === 'bytes' ? humanBytes(value) : humanCount(Math.round(value)))
  const parts = [phase]
  if (total !== undefined && total > 0) {
    const share = Math.min(1, loaded / total)
    const filled = Math.round(share * BAR_CELLS)
    parts.push(`[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] ${Math.floor(share * 100)} %`)
    parts.push(`${amount(loaded)} of ${amount(total)}`)
  } else if (loaded > 0) {
    parts.push(amount(loaded))
  }
  if (rate > 0) parts.push(`${amount(rate)}/s`)
  if (rate > 0 && total !== undefined && total > loaded) parts.push(`ETA ${clock((total - loaded) / rate)}`)
  if (files !== undefined) parts.push(`${humanCount(files)} entries`)
  return parts.join('  ')
}

/** Seconds as m:ss or h:mm:ss. */
export function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  const minutes = Math.floor(whole / 60) % 60
  const hours = Math.floor(whole / 3600)
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}
