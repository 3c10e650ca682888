/**
 * An LSM-tree database behind the abstract-level interface.
 *
 * @packageDocumentation
 */
export { isLevelError, LevelError, type LevelErrorCode } from './error.ts'
export type { MergeOperator, MergeOperatorReference } from './merge-operator.ts'
