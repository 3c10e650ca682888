import type { BatchEncoder } from '../batch/batch-encoder.ts'
import type { Bytes } from '../bytes.ts'
import { LevelError } from '../error.ts'

/** What abstract-level makes of an encoding. */
export interface Encoding {
  readonly format: string
  readonly commonName: string
  encode(data: unknown): string | Bytes
  decode(data: unknown): unknown
}

/** The part of an abstract-level database that encodes operations. */
export interface EncodingHost {
  keyEncoding(encoding?: unknown): Encoding
  valueEncoding(encoding?: unknown): Encoding
  prefixKey(key: unknown, format: string, local?: boolean): string | Bytes
  _assertValidKey(key: unknown): void
  _assertValidValue(value: unknown): void
}

export interface EncodingOptions {
  readonly keyEncoding?: unknown
  readonly valueEncoding?: unknown
}

/** An operation as the user gives it. */
export interface Operation extends EncodingOptions {
  readonly type: 'put' | 'del' | 'merge'
  readonly key: unknown
  readonly value?: unknown
  readonly sublevel?: unknown
}

/** An operation as abstract-level hands it down: encoded. */
export interface EncodedOperation {
  readonly type: 'put' | 'del' | 'merge'
  readonly key: string | Bytes
  readonly value?: string | Bytes
}

export function addEncoded(batch: BatchEncoder, operations: readonly EncodedOperation[]): void {
  for (const { type, key, value } of operations) {
    if (type === 'put') batch.put(key, value!)
    else if (type === 'del') batch.del(key)
    else batch.merge(key, value!)
  }
}

/** Whether an operation is for another database than the one it is given to. */
export function isDelegated(operation: Operation | null | undefined): boolean {
  return operation?.sublevel !== undefined && operation.sublevel !== null
}

/**
 * Encodes operations straight into the batch. The errors are those of abstract-level. Operations with a sublevel are not for it.
 */
export function addOperations(
  host: EncodingHost,
  batch: BatchEncoder,
  operations: readonly Operation[],
  options: EncodingOptions | undefined,
): void {
  const keyDefault = host.keyEncoding(options?.keyEncoding)
  const valueDefault = host.valueEncoding(options?.valueEncoding)
  for (const operation of operations) {
    const { type, key, value, keyEncoding, valueEncoding } = operation
    host._assertValidKey(key)
    const keys = keyEncoding === undefined || keyEncoding === null ? keyDefault : host.keyEncoding(keyEncoding)
    const encodedKey = host.prefixKey(keys.encode(key), keys.format, true)
    if (type === 'del') {
      batch.del(encodedKey)
      continue
    }
    if (type !== 'put' && type !== 'merge')
      throw new TypeError("A batch operation must have a type property that is 'put' or 'del'")
    host._assertValidValue(value)
    const values =
      valueEncoding === undefined || valueEncoding === null ? valueDefault : host.valueEncoding(valueEncoding)
    const encodedValue = values.encode(value)
    if (type === 'put') batch.put(encodedKey, encodedValue)
    else batch.merge(encodedKey, encodedValue)
  }
}

/** Operations that hooks, listeners or sublevels have to see go through abstract-level, which does not know `merge`. */
export function refuseMerges(operations: readonly Operation[]): void {
  if (operations.some((operation) => operation?.type === 'merge'))
    throw new LevelError('LEVEL_ARGUMENT', 'merge operations go with neither hooks, write events nor sublevels')
}
