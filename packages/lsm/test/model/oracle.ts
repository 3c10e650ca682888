/** A sorted map that does what the database should do, with everything it ever held for snapshots. */
import { compareBytes } from '../../src/bytes.ts'

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

const order = (a: string, b: string): number => compareBytes(Buffer.from(a), Buffer.from(b))

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

export class SortedMap {
  #rows: Map<string, string>

  constructor(rows: ReadonlyMap<string, string> = new Map()) {
    this.#rows = new Map(rows)
  }

  get size(): number {
    return this.#rows.size
  }

  get(key: string): string | undefined {
    return this.#rows.get(key)
  }

  apply(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.type === 'put') this.#rows.set(step.key, step.value)
      else if (step.type === 'del') this.#rows.delete(step.key)
      else this.#rows.set(step.key, (this.#rows.get(step.key) ?? '') + step.value)
    }
  }

  deleteRange(from: string, to: string): void {
    for (const key of this.#rows.keys()) if (order(key, from) >= 0 && order(key, to) < 0) this.#rows.delete(key)
  }

  range(o: Range): [string, string][] {
    const rows = [...this.#rows].filter(
      ([key]) =>
        (o.gte === undefined || order(key, o.gte) >= 0) &&
        (o.gt === undefined || order(key, o.gt) > 0) &&
        (o.lte === undefined || order(key, o.lte) <= 0) &&
        (o.lt === undefined || order(key, o.lt) < 0),
    )
    rows.sort(([a], [b]) => order(a, b))
    if (o.reverse === true) rows.reverse()
    return o.limit === undefined ? rows : rows.slice(0, o.limit)
  }

  copy(): SortedMap {
    return new SortedMap(this.#rows)
  }
}
