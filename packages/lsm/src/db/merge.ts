import type { Bytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import type { MergeOperator } from '../merge-operator.ts'

/**
 * The value that `operands`, oldest first, make of `base`; a buffer of its own or a view of what the operator returned.
 * LEVEL_MERGE_OPERATOR when there is no operator, or it failed.
 */
export function mergeFull(
  operator: MergeOperator | undefined,
  key: Bytes,
  base: Bytes | undefined,
  operands: readonly Bytes[],
): Buffer {
  if (operator === undefined)
    throw new LevelError('LEVEL_MERGE_OPERATOR', 'the database holds merge operands: open it with their operator')
  let value: Bytes
  try {
    value = operator.full(key, base, operands)
  } catch (error) {
    throw new LevelError('LEVEL_MERGE_OPERATOR', `merge operator ${operator.name} failed`, error)
  }
  if (!(value instanceof Uint8Array))
    throw new LevelError('LEVEL_MERGE_OPERATOR', `merge operator ${operator.name} did not return bytes`)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
