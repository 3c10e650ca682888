import type { Bytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import type { MergeOperator } from '../merge-operator.ts'

/** One operand for `operands`, oldest first, or undefined where the operator leaves them as they are. LEVEL_MERGE_OPERATOR. */
export function mergePartial(operator: MergeOperator, key: Bytes, operands: readonly Bytes[]): Buffer | undefined {
  let operand: Bytes | undefined
  try {
    operand = operator.partial?.(key, operands)
  } catch (error) {
    throw new LevelError('LEVEL_MERGE_OPERATOR', `merge operator ${operator.name} failed`, error)
  }
  if (operand === undefined) return undefined
  if (!(operand instanceof Uint8Array))
    throw new LevelError('LEVEL_MERGE_OPERATOR', `merge operator ${operator.name} did not return bytes`)
  return Buffer.from(operand.buffer, operand.byteOffset, operand.byteLength)
}
