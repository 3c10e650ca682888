import { LevelError } from '../error.ts'
import type { MergeOperator, MergeOperatorReference } from '../merge-operator.ts'

export interface LoadedOperator {
  readonly operator: MergeOperator | undefined
  /** Where a worker finds it; undefined: only this thread has it. */
  readonly reference: MergeOperatorReference | undefined
}

function isOperator(value: unknown): value is MergeOperator {
  const { name, full, partial } = (value ?? {}) as Partial<MergeOperator>
  if (typeof name !== 'string' || name === '' || typeof full !== 'function') return false
  return partial === undefined || typeof partial === 'function'
}

/** Takes an operator, or imports it. LEVEL_MERGE_OPERATOR when there is none to be found. */
export async function loadOperator(given: MergeOperator | MergeOperatorReference | undefined): Promise<LoadedOperator> {
  if (given === undefined) return { operator: undefined, reference: undefined }
  if (isOperator(given)) return { operator: given, reference: undefined }
  const { module, export: exported } = given as MergeOperatorReference
  if (typeof module !== 'string' || typeof exported !== 'string')
    throw new LevelError('LEVEL_ARGUMENT', 'mergeOperator must be an operator or { module, export }')
  let found: unknown
  try {
    found = ((await import(module)) as Record<string, unknown>)[exported]
  } catch (error) {
    throw new LevelError('LEVEL_MERGE_OPERATOR', `${module} cannot be imported`, error)
  }
  if (!isOperator(found))
    throw new LevelError('LEVEL_MERGE_OPERATOR', `${exported} of ${module} is no merge operator: name, full`)
  return { operator: found, reference: { module, export: exported } }
}
