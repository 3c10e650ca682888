/**
 * A batch on its way into the log: entries encoded one after the other into one scratch buffer that is reused. Long values
 * stay where the caller has them and travel as parts of their own.
 *
 * I1: header and entries, in the order of the parts, are exactly the bytes that FORMAT.md draws.
 */
import { POINTER_BYTES, writePointer } from '../blob/blob-pointer.ts'
import type { Separation } from '../blob/separation.ts'
import type { Bytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import { BLOB, DELETE, type Kind, MERGE, PUT, RANGE_DELETE } from '../kind.ts'
import { BATCH_HEADER_BYTES, writeBatchHeader } from './batch-header.ts'
import { copyBytes, ENTRY_HEAD_BYTES_MAX, KEY_BYTES_MAX, lengthBytes, VALUE_BYTES_MAX, writeLength } from './entry.ts'

/** Most bytes of one batch, header included. */
export const BATCH_BYTES_MAX: number = 2 ** 26
/** From this length on, a value given as bytes is not copied into the scratch. */
export const PART_BYTES = 4096
/** A scratch that grew beyond this is given back by `clear`. */
const SCRATCH_BYTES_KEPT: number = 4 << 20
/** From this length on, text is measured before it is encoded. */
const EXACT_CHARACTERS = 4096
/** Strings up to this length are encoded by a loop as long as they are ASCII. */
const LOOP_CHARACTERS = 40

/** A value that lies outside the scratch, after the scratch's first `at` bytes. */
interface Outside {
  readonly at: number
  readonly bytes: Bytes
}

/** An entry whose value lies apart from its key as soon as the batch is in the log. Offsets in the scratch but for `offset`. */
interface Separated {
  readonly at: number
  /** Where the length of the value starts. */
  readonly lengthAt: number
  /** Where the next entry starts. */
  readonly end: number
  /** Of the value in the record. */
  readonly offset: number
  readonly bytes: number
}

/** Where the log has the record of a batch. */
export interface LogPlace {
  /** Number of the log. */
  readonly log: number
  readonly offset: number
}

const NOTHING: Buffer = Buffer.alloc(0)

/** Bytes of a pointer as the value of an entry, its length included. */
const POINTER_FIELD_BYTES = 1 + POINTER_BYTES

/**
 * Collects the entries of one batch. Text is written as UTF-8. LEVEL_BATCH_TOO_BIG leaves the batch as it was before the
 * call.
 *
 * A value of {@link PART_BYTES} and more, given as bytes, is referred to and not copied: it must not change until the
 * batch is in log and memtable.
 */
export class BatchEncoder {
  #scratch: Buffer
  #at: number = BATCH_HEADER_BYTES
  /** Made last, of the scratch from its start on and behind the header: batches of one length after the other need no new ones. */
  #whole: Buffer = NOTHING
  #entries: Buffer = NOTHING
  readonly #one: Bytes[] = [NOTHING]
  #outside: Outside[] = []
  #outsideBytes = 0
  #count = 0
  #grows = false
  readonly #separation: Separation | undefined
  #separated: Separated[] = []
  #separatedBytes = 0
  #savedBytes = 0

  /** `scratchBytes`: how much memory to start with. `separation`: which values are left out of the memtable. */
  constructor(scratchBytes = 4096, separation?: Separation) {
    this.#separation = separation
    this.#scratch = Buffer.allocUnsafeSlow(Math.max(scratchBytes, BATCH_HEADER_BYTES))
  }

  /** Entries, range tombstones included: every one takes a sequence number. */
  get count(): number {
    return this.#count
  }

  /** Something is added: there are not only deletions. */
  get grows(): boolean {
    return this.#grows
  }

  /** Of the whole record, header included. */
  get bytes(): number {
    return this.#at + this.#outsideBytes
  }

  /** Of the values that stay in the log. */
  get separatedBytes(): number {
    return this.#separatedBytes
  }

  /** What the entries take in a memtable. */
  get memoryBytes(): number {
    return this.bytes - BATCH_HEADER_BYTES - this.#savedBytes
  }

  put(key: Bytes | string, value: Bytes | string): void {
    this.#add(PUT, key, value)
  }

  del(key: Bytes | string): void {
    this.#add(DELETE, key, undefined)
  }

  merge(key: Bytes | string, operand: Bytes | string): void {
    this.#add(MERGE, key, operand)
  }

  /** Deletes the keys at or after `from` and before `to`. */
  deleteRange(from: Bytes | string, to: Bytes | string): void {
    this.#add(RANGE_DELETE, from, to)
  }

  /**
   * The record, as views of the scratch and of long values: good until the next change of the encoder, the list too. The entries get the
   * sequence numbers from `firstSequence` on.
   */
  parts(firstSequence: number): Bytes[] {
    writeBatchHeader(this.#scratch, this.bytes - BATCH_HEADER_BYTES, this.#count, firstSequence)
    if (this.#outside.length > 0) return this.#split()
    this.#one[0] = this.#wholeView()
    return this.#one
  }

  /**
   * The entries without the header, copied to `into` from `at` on: `memoryBytes`. Those whose values are separated become entries of kind
   * BLOB that point into the log at `place`.
   */
  copyEntries(into: Buffer, at: number, place?: LogPlace): void {
    if (this.#outside.length === 0 && this.#separated.length === 0) {
      const entries = this.#entriesView()
      copyBytes(into, at, entries, 0, entries.length)
      return
    }
    if (this.#separated.length > 0 && place === undefined) throw new TypeError('separated values need a place in a log')
    let to = at
    let from = BATCH_HEADER_BYTES
    let outside = 0
    for (const entry of this.#separated) {
      ;[to, outside] = this.#copyRange(into, to, from, entry.at, outside)
      if (this.#outside[outside]?.at === entry.end) outside++ // its value
      into[to] = BLOB
      copyBytes(into, to + 1, this.#scratch, entry.at + 1, entry.lengthAt)
      to += entry.lengthAt - entry.at
      into[to++] = POINTER_BYTES
      writePointer(into, to, 'log', place!.log, place!.offset + entry.offset, entry.bytes)
      to += POINTER_BYTES
      from = entry.end
    }
    this.#copyRange(into, to, from, this.#at, outside)
  }

  /** Copies [from, end) of the scratch with what lies outside of it, from number `outside` on; answers where both go on. */
  #copyRange(into: Buffer, at: number, from: number, end: number, outside: number): [to: number, outside: number] {
    let to = at
    let before = from
    let i = outside
    for (let one = this.#outside[i]; one !== undefined && one.at <= end; one = this.#outside[++i]) {
      copyBytes(into, to, this.#scratch, before, one.at)
      to += one.at - before
      into.set(one.bytes, to)
      to += one.bytes.length
      before = one.at
    }
    copyBytes(into, to, this.#scratch, before, end)
    return [to + end - before, i]
  }

  /** Empty again; the scratch is kept. */
  clear(): void {
    this.#at = BATCH_HEADER_BYTES
    this.#count = 0
    this.#grows = false
    if (this.#outside.length > 0) {
      this.#outside = []
      this.#outsideBytes = 0
    }
    if (this.#separated.length > 0) {
      this.#separated = []
      this.#separatedBytes = 0
      this.#savedBytes = 0
    }
    if (this.#scratch.length > SCRATCH_BYTES_KEPT) this.#renew(Buffer.allocUnsafeSlow(4096))
  }

  #wholeView(): Buffer {
    if (this.#whole.length !== this.#at) this.#whole = this.#scratch.subarray(0, this.#at)
    return this.#whole
  }

  #entriesView(): Buffer {
    if (this.#entries.length !== this.#at - BATCH_HEADER_BYTES)
      this.#entries = this.#scratch.subarray(BATCH_HEADER_BYTES, this.#at)
    return this.#entries
  }

  /** Another scratch. */
  #renew(scratch: Buffer): void {
    this.#scratch = scratch
    this.#whole = NOTHING
    this.#entries = NOTHING
  }

  #split(): Bytes[] {
    const parts: Bytes[] = []
    let before = 0
    for (const { at, bytes } of this.#outside) {
      parts.push(this.#scratch.subarray(before, at), bytes)
      before = at
    }
    if (before < this.#at) parts.push(this.#scratch.subarray(before, this.#at))
    return parts
  }

  #add(kind: Kind, key: Bytes | string, value: Bytes | string | undefined): void {
    const before = this.#at
    const outside = value !== undefined && typeof value !== 'string' && value.length >= PART_BYTES
    const keyRoom = roomOf(key)
    const valueRoom = value === undefined || outside ? 0 : roomOf(value)
    // Text close to the limit is judged below, by its true length.
    if (keyRoom + valueRoom > BATCH_BYTES_MAX + 6 * EXACT_CHARACTERS) throw tooBig(keyRoom, valueRoom, this.bytes)
    this.#room(keyRoom + valueRoom + ENTRY_HEAD_BYTES_MAX)
    const bytes = this.#scratch
    bytes[before] = kind
    this.#at = before + 1
    const keyBytes = this.#field(key)
    const lengthAt = this.#at
    let valueBytes = 0
    let valueOutside: Outside | undefined
    if (outside) {
      valueBytes = value.length
      this.#at = writeLength(bytes, this.#at, valueBytes)
      valueOutside = { at: this.#at, bytes: value }
    } else if (value !== undefined) valueBytes = this.#field(value)
    const outsideBytes = valueOutside === undefined ? 0 : valueBytes
    if (
      keyBytes > KEY_BYTES_MAX ||
      valueBytes > (kind === RANGE_DELETE ? KEY_BYTES_MAX : VALUE_BYTES_MAX) ||
      this.bytes + outsideBytes > BATCH_BYTES_MAX
    ) {
      const batchBytes = this.bytes + outsideBytes
      this.#at = before
      throw tooBig(keyBytes, valueBytes, batchBytes)
    }
    if (kind === PUT && this.#separation?.separates(bytes, lengthAt - keyBytes, lengthAt, valueBytes) === true)
      this.#separate(before, lengthAt, valueBytes, valueOutside === undefined)
    if (valueOutside !== undefined) {
      this.#outside.push(valueOutside)
      this.#outsideBytes += valueBytes
    }
    if (value !== undefined && kind !== RANGE_DELETE) this.#grows = true
    this.#count++
  }

  /** The entry written last leaves its value in the log. */
  #separate(at: number, lengthAt: number, bytes: number, inside: boolean): void {
    const end = this.#at
    const offset = this.#outsideBytes + (inside ? end - bytes : end)
    this.#separated.push({ at, lengthAt, end, offset, bytes })
    this.#separatedBytes += bytes
    this.#savedBytes += lengthBytes(bytes) + bytes - POINTER_FIELD_BYTES
  }

  /** Appends a length and what has it; there is room. Returns the length. */
  #field(field: Bytes | string): number {
    const scratch = this.#scratch
    const at = this.#at
    if (typeof field !== 'string') {
      const start = writeLength(scratch, at, field.length)
      copyBytes(scratch, start, field, 0, field.length)
      this.#at = start + field.length
      return field.length
    }
    const guess = at + lengthBytes(field.length)
    const length = encodeText(scratch, guess, field)
    const start = at + lengthBytes(length)
    if (start !== guess) scratch.copyWithin(start, guess, guess + length)
    writeLength(scratch, at, length)
    this.#at = start + length
    return length
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#scratch.length) return
    // Text may take a third of its room: beyond the limit there is no need to double.
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#scratch.length * 2, BATCH_BYTES_MAX)))
    this.#scratch.copy(grown, 0, 0, this.#at)
    this.#renew(grown)
  }
}

/** Bytes that the field may take, at most. */
function roomOf(field: Bytes | string): number {
  if (typeof field !== 'string') return field.length
  return field.length < EXACT_CHARACTERS ? field.length * 3 : Buffer.byteLength(field, 'utf8')
}

/** Writes text as UTF-8; returns the bytes. Short ASCII does not leave JavaScript. */
function encodeText(into: Buffer, at: number, text: string): number {
  const { length } = text
  if (length <= LOOP_CHARACTERS) {
    let i = 0
    for (; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) break
      into[at + i] = code
    }
    if (i === length) return length
  }
  return into.write(text, at, 'utf8')
}

function tooBig(keyBytes: number, valueBytes: number, batchBytes: number): LevelError {
  const limits = `limits: key ${KEY_BYTES_MAX}, value ${VALUE_BYTES_MAX}, batch ${BATCH_BYTES_MAX}`
  return new LevelError(
    'LEVEL_BATCH_TOO_BIG',
    `a key of ${keyBytes} bytes and a value of ${valueBytes} in a batch of ${batchBytes} (${limits})`,
  )
}
