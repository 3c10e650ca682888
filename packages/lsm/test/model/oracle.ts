/** A sorted map that does what the database should do, with everything it ever held for snapshots. */
export type Step =
  | { readonly type: 'put' | 'merge'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string }

export interface Range {
  readonly gt?: string
  readonly gte?: string
  readonly lt?: string
  readonly lte?: string
  readonly reverse?: boolean
  readonly limit?: number
}

/** The operator of the model: operands are appended, in order. */
export const APPEND = {
  name: 'append',
  full(_key: Uint8Array, base: Uint8Array | undefined, operands: readonly Uint8Array[]): Uint8Array {
    return Buffer.concat(base === undefined ? operands : [base, ...operands])
  },
  partial(_key: Uint8Array, operands: readonly Uint8Array[]): Uint8Array {
    return Buffer.concat(operands)
  },
}

/** Keys of the suites are ASCII, whose order as strings is that of their bytes. */
const ASCII = /^[\0-\x7f]*$/

export class SortedMap {
  readonly #rows: Map<string, string>
  /** Keys in order; undefined: to be sorted again. Shared with copies. */
  #keys: readonly string[] | undefined

  constructor(rows: ReadonlyMap<string, string> = new Map(), keys?: readonly string[]) {
    this.#rows = new Map(rows)
    this.#keys = keys
  }

  get(key: string): string | undefined {
    return this.#rows.get(key)
  }

  apply(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.type === 'del') {
        if (this.#rows.delete(step.key)) this.#keys = undefined
        continue
      }
      const before = this.#rows.get(step.key)
      if (before === undefined) this.#keys = undefined
      this.#rows.set(step.key, step.type === 'put' ? step.value : (before ?? '') + step.value)
    }
  }

  deleteRange(from: string, to: string): void {
    for (const key of this.#between(from, to)) this.#rows.delete(key)
    this.#keys = undefined
  }

  get #sorted(): readonly string[] {
    if (this.#keys === undefined) {
      const keys = [...this.#rows.keys()].sort()
      for (const key of keys) if (!ASCII.test(key)) throw new RangeError(`the key ${key} is not ASCII`)
      this.#keys = keys
    }
    return this.#keys
  }

  /** Keys at or after `from` and before `to`. */
  #between(from: string | undefined, to: string | undefined): readonly string[] {
    const keys = this.#sorted
    const start = from === undefined ? 0 : firstNotBefore(keys, from)
    const end = to === undefined ? keys.length : firstNotBefore(keys, to)
    return keys.slice(start, Math.max(start, end))
  }

  range(o: Range): [string, string][] {
    // The next string after one is that string and a NUL.
    const from = latest(o.gte, o.gt === undefined ? undefined : `${o.gt}\0`)
    const to = earliest(o.lt, o.lte === undefined ? undefined : `${o.lte}\0`)
    let keys = this.#between(from, to)
    if (o.reverse === true) keys = [...keys].reverse()
    return keys.slice(0, o.limit).map((key) => [key, this.#rows.get(key)!])
  }

  copy(): SortedMap {
    return new SortedMap(this.#rows, this.#keys)
  }
}

function latest(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a
}

function earliest(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a
}

function firstNotBefore(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
