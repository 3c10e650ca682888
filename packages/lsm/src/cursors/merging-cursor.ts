import { type Bytes, compareRanges } from '../bytes.ts'
import type { Cursor } from '../cursor.ts'
import type { Op } from '../op.ts'
import { Position } from './position.ts'

/**
 * Several sources as one sequence, by a tree of losers (Knuth, TAOCP 3, 5.4.1): a step costs one comparison for each doubling of
 * the sources. Of equal entries that of the earlier source comes first. Turning round positions the other sources anew, which
 * may wait: `nextNow` and `prevNow` leave it to `next` and `prev`.
 */
export class MergingCursor extends Position implements Cursor {
  readonly #children: readonly Cursor[]
  /** `#losers[i]`, i >= 1: the child that lost the match there. */
  readonly #losers: Int32Array
  #winner = 0
  #backward = false

  /** Takes the children over: `close` closes them. Newer sources come first. */
  constructor(children: readonly Cursor[]) {
    super()
    this.#children = children
    this.#losers = new Int32Array(Math.max(1, children.length))
  }

  *first(): Op<void> {
    this.valid = false
    for (const child of this.#children) yield* child.first()
    this.#play(false)
  }

  *last(): Op<void> {
    this.valid = false
    for (const child of this.#children) yield* child.last()
    this.#play(true)
  }

  seekNow(key: Bytes, sequence: number): boolean {
    this.valid = false
    for (const child of this.#children) if (child.seekNow?.(key, sequence) !== true) return false
    this.#play(false)
    return true
  }

  *seek(key: Bytes, sequence: number): Op<void> {
    this.valid = false
    for (const child of this.#children) {
      if (child.seekNow?.(key, sequence) !== true) yield* child.seek(key, sequence)
    }
    this.#play(false)
  }

  *seekBefore(key: Bytes, sequence: number): Op<void> {
    this.valid = false
    for (const child of this.#children) yield* child.seekBefore(key, sequence)
    this.#play(true)
  }

  /** All matches anew. */
  #play(backward: boolean): void {
    this.#backward = backward
    const count = this.#children.length
    if (count === 0) return
    const winners = new Int32Array(2 * count)
    for (let i = 0; i < count; i++) winners[count + i] = i
    for (let i = count - 1; i >= 1; i--) {
      const left = winners[2 * i]!
      const right = winners[2 * i + 1]!
      const leftWins = this.#beats(left, right)
      winners[i] = leftWins ? left : right
      this.#losers[i] = leftWins ? right : left
    }
    this.#winner = winners[1]!
    this.show(this.#children[this.#winner]!)
  }

  /** The winner has moved: its matches anew. */
  #replay(): void {
    const losers = this.#losers
    let winner = this.#winner
    for (let i = (winner + this.#children.length) >> 1; i >= 1; i >>= 1) {
      const other = losers[i]!
      if (this.#beats(other, winner)) {
        losers[i] = winner
        winner = other
      }
    }
    this.#winner = winner
    this.show(this.#children[winner]!)
  }

  #beats(a: number, b: number): boolean {
    const left = this.#children[a]!
    const right = this.#children[b]!
    if (!left.valid || !right.valid) return left.valid
    const order = compareEntries(left, right)
    if (order === 0) return a < b !== this.#backward
    return order < 0 !== this.#backward
  }

  nextNow(): boolean {
    if (this.#backward || !this.#children[this.#winner]!.nextNow()) return false
    this.#replay()
    return true
  }

  *next(): Op<void> {
    const winner = this.#children[this.#winner]!
    if (this.#backward) {
      yield* this.#gather(true)
      yield* winner.next()
      this.#play(false)
      return
    }
    if (!winner.nextNow()) yield* winner.next()
    this.#replay()
  }

  prevNow(): boolean {
    if (!this.#backward || !this.#children[this.#winner]!.prevNow()) return false
    this.#replay()
    return true
  }

  *prev(): Op<void> {
    const winner = this.#children[this.#winner]!
    if (!this.#backward) {
      yield* this.#gather(false)
      yield* winner.prev()
      this.#play(true)
      return
    }
    if (!winner.prevNow()) yield* winner.prev()
    this.#replay()
  }

  /** Turns round: every other child to its nearest entry after (`forward`) or before the current one. */
  *#gather(forward: boolean): Op<void> {
    const children = this.#children
    const leader = children[this.#winner]!
    this.valid = false // until all are in place: a failure on the way leaves the cursor to be positioned
    const key = Buffer.from(leader.keyBytes.subarray(leader.keyStart, leader.keyEnd))
    for (let i = 0; i < children.length; i++) {
      const child = children[i]!
      if (child === leader) continue
      // An equal entry of an earlier source lies before the current one, that of a later source after it.
      if (forward) {
        yield* child.seek(key, leader.sequence)
        if (i < this.#winner && child.valid && compareEntries(child, leader) === 0) yield* child.next()
      } else {
        if (i < this.#winner) {
          yield* child.seek(key, leader.sequence)
          if (child.valid && compareEntries(child, leader) === 0) continue
        }
        yield* child.seekBefore(key, leader.sequence)
      }
    }
  }

  close(): void {
    this.valid = false
    for (const child of this.#children) child.close()
  }
}

/** Internal order of two entries. */
function compareEntries(a: Cursor, b: Cursor): number {
  const order = compareRanges(a.keyBytes, a.keyStart, a.keyEnd, b.keyBytes, b.keyStart, b.keyEnd)
  return order !== 0 ? order : b.sequence - a.sequence
}
