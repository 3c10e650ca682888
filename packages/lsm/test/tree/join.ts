import type { MergeOperator } from '../../src/merge-operator.ts'

/** Appends with commas; without a base a `+` comes first, so that a lost or doubled operand shows. */
export const JOIN: MergeOperator = {
  name: 'join',
  full: (_key, base, operands) => Buffer.concat([base ?? Buffer.from('+'), ...operands]),
  partial: (_key, operands) => Buffer.concat(operands),
}
