/**
 * One run of a transaction's body: what it read (to be validated), what it wrote (to be committed), what shall happen
 * when it is ordered. A run that is thrown away leaves nothing behind.
 */
import { FilesystemError, invariant, ViveError } from '../errors.ts'
import { drivenSync, type Op, pending, SyncUnavailableError } from '../op.ts'
import type { Committed } from './committed.ts'
import type { ReadRange, ReadSet } from './conflict-set.ts'
import type { WriteRow } from './database.ts'
import { keyText } from './key.ts'
import { KeyIndex } from './key-index.ts'
import { bytesOf } from './overlay.ts'
import { textRange } from './range.ts'
import type { Bytes, KeepTx, KeyRange, Row, Tx } from './store.ts'

/** A row whose value is made when the transaction is ordered. */
export interface LateRow {
  readonly key: Bytes | (() => Bytes)
  readonly make: () => Bytes
}

const nothing: ReadonlyMap<string, WriteRow> = new Map()

const settled = Promise.resolve()

/** Ends a synchronously driven operation that would have to wait, before it has begun or changed anything. */
export function* refuseSync(): Op<never> {
  yield settled
  throw new SyncUnavailableError()
}

export class Transaction implements Tx, KeepTx, ReadSet {
  readonly startSeq: number
  /** How often all running transactions had been overtaken when it began. */
  readonly age: number
  readonly keys: string[] = []
  readonly keySeqs: number[] = []
  readonly ranges: ReadRange[] = []
  /** Keys and values written, without rows that were written again. */
  bytes = 0
  /** Whether its body had to wait, so that it may have been overtaken. */
  suspended = false
  /** The transaction in the middle of whose step this one runs. */
  outer: Transaction | undefined
  /** Its body, while that has to wait for `awaited`. */
  op: Op<unknown> | undefined = undefined
  awaited: unknown = undefined
  /** What its body answered, or threw. */
  value: unknown = undefined
  failed: { readonly error: unknown } | undefined = undefined
  readonly #committed: Committed
  readonly #readOnly: boolean
  #writes: Map<string, WriteRow> | undefined
  #index: KeyIndex | undefined
  #effects: (() => void)[] | undefined
  #lateRows: LateRow[] | undefined
  #conditions: (() => boolean)[] | undefined
  #discarded: Set<string> | undefined
  #over = false

  readonly #bytesMax: number

  constructor(committed: Committed, options: { readOnly: boolean; bytesMax: number; age: number }) {
    this.#committed = committed
    this.#readOnly = options.readOnly
    this.#bytesMax = options.bytesMax
    this.age = options.age
    this.startSeq = committed.seq
  }

  get writes(): ReadonlyMap<string, WriteRow> {
    return this.#writes ?? nothing
  }

  get lateRows(): readonly LateRow[] {
    return this.#lateRows ?? []
  }

  /** Whether there is anything to commit. */
  get wrote(): boolean {
    return this.#writes !== undefined || this.#lateRows !== undefined
  }

  get effects(): readonly (() => void)[] {
    return this.#effects ?? []
  }

  *get(key: Bytes): Op<Bytes | undefined> {
    this.#assertOpen()
    const text = keyText(key)
    const own = this.#writes?.get(text)
    if (own !== undefined) return own.value
    const value = this.#readCommitted(text, key)
    if (value === null) return undefined
    return value instanceof Promise ? yield* pending(value) : value
  }

  *before(key: Bytes): Op<Bytes | undefined> {
    this.#assertOpen()
    const value = this.#readCommitted(keyText(key), key)
    if (value === null) return undefined
    return value instanceof Promise ? yield* pending(value) : value
  }

  writtenKeys(): string[] {
    const keys: string[] = []
    for (const key of this.writes.keys()) if (this.#discarded?.has(key) !== true) keys.push(key)
    return keys
  }

  *range(range: KeyRange): Op<readonly Row[]> {
    this.#assertOpen()
    if (range.limit !== undefined && range.limit <= 0) return []
    const text = textRange(range)
    if (text.low !== undefined && text.low >= text.high) return []
    const seq = this.#committed.seq
    const own = this.#ownIndex()
    const isSync = drivenSync()
    let result = this.#committed.scanNow(range, text, own, !isSync)
    if (result === undefined) {
      // Not even begun, so that no iterator is left behind.
      if (isSync) yield* refuseSync()
      result = yield* pending(this.#committed.scan(range, text, own))
    }
    const { rows, cutAt } = result
    const whole = { low: text.low, lowIncluded: text.lowIncluded, high: text.high, highIncluded: false, seq }
    if (cutAt === undefined) this.ranges.push(whole)
    else if (range.reverse) this.ranges.push({ ...whole, low: cutAt, lowIncluded: true })
    else this.ranges.push({ ...whole, high: cutAt, highIncluded: true })
    return rows
  }

  put(key: Bytes, value: Bytes): void {
    this.#write({ type: 'put', key, value })
  }

  del(key: Bytes): void {
    this.#write({ type: 'del', key, value: undefined })
  }

  discard(key: Bytes): void {
    this.del(key)
    this.#discarded ??= new Set()
    this.#discarded.add(keyText(key))
  }

  merge(_key: Bytes, _operand: Bytes): void {
    throw new ViveError('ERR_VIVEFS_INTERNAL', 'merge on a store whose caps.merge is false')
  }

  relyOn(holds: () => boolean): void {
    this.#assertOpen()
    this.#conditions ??= []
    this.#conditions.push(holds)
  }

  /** Whether all that the run relied on outside the rows is still so. */
  get stands(): boolean {
    return this.#conditions?.every((holds) => holds()) ?? true
  }

  putAtCommit(key: Bytes | (() => Bytes), make: () => Bytes): void {
    this.#assertWritable()
    this.#lateRows ??= []
    this.#lateRows.push({ key, make })
  }

  onCommit(effect: () => void): void {
    this.#assertOpen()
    this.#effects ??= []
    this.#effects.push(effect)
  }

  /** The run is over: whoever kept this object must not use it any more. */
  end(): void {
    this.#over = true
  }

  #readCommitted(text: string, key: Bytes): Bytes | null | Promise<Bytes | undefined> {
    this.keys.push(text)
    this.keySeqs.push(this.#committed.seq)
    return this.#committed.read(text, key)
  }

  #ownIndex(): KeyIndex | undefined {
    if (this.#index === undefined && this.#writes !== undefined) this.#index = new KeyIndex(this.#writes)
    return this.#index
  }

  #write(row: WriteRow): void {
    this.#assertWritable()
    const text = keyText(row.key)
    this.#writes ??= new Map()
    const before = this.#writes.get(text)
    if (before !== undefined) this.bytes -= bytesOf(before)
    this.bytes += bytesOf(row)
    if (this.bytes > this.#bytesMax) {
      throw new ViveError('ERR_VIVEFS_BATCH_TOO_BIG', `a transaction may write at most ${this.#bytesMax} bytes`)
    }
    this.#writes.set(text, row)
    this.#discarded?.delete(text)
  }

  #assertWritable(): void {
    this.#assertOpen()
    if (this.#readOnly) throw new FilesystemError('EROFS')
  }

  #assertOpen(): void {
    invariant(!this.#over, 'a transaction is used only while its body runs')
  }
}
