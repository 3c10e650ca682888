import { copyBytes } from '../batch/entry.ts'
import { type Bytes, compareRanges } from '../bytes.ts'
import { mergeFull } from '../db/merge.ts'
import { BLOB, DELETE, type Kind, MERGE, PUT } from '../kind.ts'
import type { MergeOperator } from '../merge-operator.ts'
import type { DeeperTables } from './deeper-tables.ts'
import { mergePartial } from './partial-merge.ts'
import type { Stripes } from './stripes.ts'
import type { CoveringTombstones } from './tombstone-rules.ts'

/** Where entries that survive go, in internal order. Keys and values are views that hold for the call. */
export interface EntrySink {
  add(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    sequence: number,
    kind: Kind,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void
}

export interface EntryRulesOptions {
  readonly stripes: Stripes
  readonly tombstones: CoveringTombstones
  /** Undefined: there may be older entries of any key. */
  readonly deeper: DeeperTables | undefined
  readonly operator: MergeOperator | undefined
}

/** Operands of one key and stripe beyond so many bytes are not collected further. */
const OPERAND_BYTES_MAX = 16 << 20
const NOTHING: Buffer = Buffer.alloc(0)

interface Operand {
  readonly sequence: number
  readonly value: Buffer
}

/**
 * Decides which entries survive, and combines operands. Entries come in internal order, so of a key the newest first.
 *
 * - R1 Of the entries of a key in one stripe only the newest PUT, BLOB or DELETE and the operands above it count; older ones go.
 * - R2 An entry below a range tombstone of its own stripe goes, and ends the stripe for its key.
 * - R3 Operands above a PUT, a DELETE or a range tombstone of their stripe become one PUT; those without a base become one MERGE where
 *   the operator can, and one PUT where no older entry of the key exists anywhere.
 * - R4 A DELETE goes when no older entry of its key exists anywhere it could hide one.
 * - R5 Entries of the same key and sequence number are one entry. Only repair meets such: a table and what was made of it.
 */
export class EntryRules {
  readonly #stripes: Stripes
  readonly #tombstones: CoveringTombstones
  readonly #deeper: DeeperTables | undefined
  readonly #operator: MergeOperator | undefined
  readonly #sink: EntrySink
  #key: Buffer = Buffer.allocUnsafe(256)
  /** -1 before the first key. */
  #keyBytes = -1
  #stripe = -1
  #sequence = 0
  /** The newest entry of the key and stripe is known; older ones do not count. */
  #decided = false
  /** A DELETE that goes out when an older entry follows: its sequence number; 0 for none. */
  #waitingDelete = 0
  /** Newest first. */
  #operands: Operand[] = []
  #operandBytes = 0
  /** Operands of this key and stripe are passed on as they are. */
  #raw = false

  constructor(options: EntryRulesOptions, sink: EntrySink) {
    this.#stripes = options.stripes
    this.#tombstones = options.tombstones
    this.#deeper = options.deeper
    this.#operator = options.operator
    this.#sink = sink
  }

  /** Takes the next entry. LEVEL_MERGE_OPERATOR. */
  add(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    sequence: number,
    kind: Kind,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    if (this.#keyBytes < 0 || compareRanges(this.#key, 0, this.#keyBytes, keyBytes, keyStart, keyEnd) !== 0) {
      this.#endKey()
      this.#enterKey(keyBytes, keyStart, keyEnd)
    } else if (sequence === this.#sequence) return // R5
    this.#sequence = sequence
    const stripe = this.#stripes.of(sequence)
    if (stripe !== this.#stripe) {
      if (this.#stripe >= 0) this.#endStripe(true)
      this.#stripe = stripe
    }
    if (this.#decided) return // R1
    if (this.#tombstones.deletes(sequence, this.#stripes.last(stripe))) {
      // R2: the tombstone is the base of the operands above.
      this.#decided = true
      this.#combine(undefined)
      return
    }
    if (kind === MERGE) {
      this.#operand(sequence, valueBytes, valueStart, valueEnd)
      return
    }
    this.#decided = true
    if (this.#operands.length > 0 && kind !== BLOB && this.#operator !== undefined) {
      this.#combine(kind === DELETE ? undefined : valueBytes.subarray(valueStart, valueEnd))
      return
    }
    const bare = this.#operands.length === 0 && !this.#raw
    this.#passOperands()
    if (kind === DELETE && bare) this.#waitingDelete = sequence
    else this.#sink.add(this.#key, 0, this.#keyBytes, sequence, kind, valueBytes, valueStart, valueEnd)
  }

  /**
   * The entry has operands above it that its value is the base of. A value that lies elsewhere has to be given to {@link add} as a PUT then;
   * otherwise the operands would stay operands for ever.
   */
  needsBase(keyBytes: Buffer, keyStart: number, keyEnd: number, sequence: number): boolean {
    if (this.#operands.length === 0 || this.#decided || this.#operator === undefined) return false
    if (this.#stripes.of(sequence) !== this.#stripe) return false
    return compareRanges(this.#key, 0, this.#keyBytes, keyBytes, keyStart, keyEnd) === 0
  }

  /** No entry follows. */
  finish(): void {
    this.#endKey()
    this.#keyBytes = -1
  }

  #enterKey(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (length > this.#key.length) this.#key = Buffer.allocUnsafe(2 * length)
    copyBytes(this.#key, 0, bytes, start, end)
    this.#keyBytes = length
    this.#tombstones.enter(bytes, start, end)
  }

  #endKey(): void {
    if (this.#stripe >= 0) this.#endStripe(false)
    this.#stripe = -1
  }

  /** Older entries of the key follow in the job, or may exist below its output. */
  #hasOlder(follows: boolean): boolean {
    return follows || this.#deeper === undefined || this.#deeper.mayHave(this.#key, 0, this.#keyBytes)
  }

  #endStripe(olderFollows: boolean): void {
    if (this.#waitingDelete > 0) {
      // R4. What an entry of an older stripe shows must not come through to the snapshots of this one.
      if (this.#hasOlder(olderFollows)) this.#emit(this.#waitingDelete, DELETE, NOTHING)
      this.#waitingDelete = 0
    } else if (this.#operands.length > 0) {
      if (!this.#raw && !this.#hasOlder(olderFollows)) this.#combine(undefined)
      else this.#shorten()
    }
    this.#decided = false
    this.#raw = false
  }

  #operand(sequence: number, bytes: Buffer, start: number, end: number): void {
    if (this.#raw) {
      this.#sink.add(this.#key, 0, this.#keyBytes, sequence, MERGE, bytes, start, end)
      return
    }
    this.#operands.push({ sequence, value: Buffer.from(bytes.subarray(start, end)) })
    this.#operandBytes += end - start
    if (this.#operandBytes <= OPERAND_BYTES_MAX) return
    const shorter = this.#partial()
    if (shorter !== undefined && shorter.length <= OPERAND_BYTES_MAX) {
      const { sequence: newest } = this.#operands[0]!
      this.#operands = [{ sequence: newest, value: Buffer.from(shorter) }]
      this.#operandBytes = shorter.length
      return
    }
    this.#raw = true
    this.#passOperands()
  }

  /** Writes the PUT that the operands make of a base, if there are any. */
  #combine(base: Bytes | undefined): void {
    const operands = this.#operands
    if (operands.length === 0) return
    if (this.#operator === undefined) {
      this.#passOperands()
      return
    }
    const oldestFirst = operands.map(({ value }) => value).reverse()
    const value = mergeFull(this.#operator, this.#key.subarray(0, this.#keyBytes), base, oldestFirst)
    const { sequence } = operands[0]!
    this.#clearOperands()
    this.#emit(sequence, PUT, value)
  }

  /** Writes the operands as one MERGE where the operator can, else as they are. */
  #shorten(): void {
    const value = this.#partial()
    if (value === undefined) {
      this.#passOperands()
      return
    }
    const { sequence } = this.#operands[0]!
    this.#clearOperands()
    this.#emit(sequence, MERGE, value)
  }

  #partial(): Buffer | undefined {
    if (this.#operands.length < 2 || this.#operator === undefined) return undefined
    const oldestFirst = this.#operands.map(({ value }) => value).reverse()
    return mergePartial(this.#operator, this.#key.subarray(0, this.#keyBytes), oldestFirst)
  }

  #passOperands(): void {
    if (this.#operands.length === 0) return
    for (const { sequence, value } of this.#operands) this.#emit(sequence, MERGE, value)
    this.#clearOperands()
  }

  #clearOperands(): void {
    this.#operands = []
    this.#operandBytes = 0
  }

  #emit(sequence: number, kind: Kind, value: Buffer): void {
    this.#sink.add(this.#key, 0, this.#keyBytes, sequence, kind, value, 0, value.length)
  }
}
