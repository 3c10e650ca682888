import type { Bytes } from './bytes.ts'

/**
 * Combines operands that were merged into a key. Pure: workers, recovery and readers call it, any number of times. It keeps
 * neither arguments nor results; what it returns may be a view of an argument.
 */
export interface MergeOperator {
  /** Persisted in the manifest and checked at open. */
  readonly name: string
  /** The value after `operands`, oldest first, on `base` (undefined: the key had no value). */
  full(key: Bytes, base: Bytes | undefined, operands: readonly Bytes[]): Bytes
  /** One operand that stands for `operands` (oldest first, at least two), or undefined where they must stay. */
  partial?(key: Bytes, operands: readonly Bytes[]): Bytes | undefined
}

/** Where a worker finds the operator: `(await import(module))[exported]`. */
export interface MergeOperatorReference {
  /** A specifier or `file:` URL that the worker can import. */
  readonly module: string
  readonly export: string
}
