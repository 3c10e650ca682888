/** The rows of the change feed (FORMAT.md, C1 and C2). */
import { decodeFeedEntry, decodeFeedState, type FeedState } from '../format/feed.ts'
import { feedStateKey, numberOfKey } from '../format/keys.ts'
import { RoCompat } from '../format/superblock.ts'
import type { Row } from '../store/store.ts'
import type { Census } from './census.ts'
import { dropRow } from './drop-row.ts'

export class FeedRows {
  readonly #census: Census
  #state: FeedState | undefined
  #rows = 0
  #bytes = 0
  #lowest: number | undefined

  constructor(census: Census) {
    this.#census = census
  }

  visitState(row: Row): void {
    const verdict = decodeFeedState(row.value)
    if (verdict.ok) this.#state = verdict.value
    else this.#damaged('the state of the change feed', verdict.fault, row)
  }

  visitEntry(row: Row): void {
    const verdict = decodeFeedEntry(row.key, row.value)
    const seq = numberOfKey(row.key)
    if (!verdict.ok) {
      this.#damaged(`entry ${seq} of the change feed`, verdict.fault, row)
      return
    }
    this.#rows++
    this.#bytes += row.key.length + row.value.length
    this.#lowest ??= seq
  }

  #damaged(what: string, fault: string, row: Row): void {
    this.#census.findings.add('ROW_DAMAGED', undefined, `${what} is damaged (${fault})`, 'rows', dropRow(row))
  }

  finish(): void {
    const { findings, core } = this.#census
    const [rows, bytes] = [this.#rows, this.#bytes]
    const state = this.#state
    const isMarked = (core.superblock.features.roCompat & RoCompat.changeFeed) !== 0
    const isExact = state?.rows === rows && state.bytes === bytes && state.first <= (this.#lowest ?? state.first)
    if ((state === undefined ? rows === 0 : isExact) && (state?.isOn ?? false) === isMarked) return
    const said =
      state === undefined ? 'is missing' : `says ${state.rows} entries, ${state.bytes} bytes from ${state.first}`
    const message = `the state of the change feed ${said}; there are ${rows}, ${bytes} bytes from ${this.#lowest ?? 'none'}`
    const first = this.#lowest ?? state?.first ?? 1
    findings.add('FEED', undefined, message, 'fields', function* (call) {
      // What the superblock says decides: it is what other versions go by.
      core.feed.recount({ isOn: isMarked, rows, bytes, first })
      call.tx.put(feedStateKey, core.feed.encoded())
    })
  }
}
