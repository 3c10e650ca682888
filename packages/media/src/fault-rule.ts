/**
 * What goes wrong, and when: rules over counted operations, deterministic for a seed.
 *
 * Source of the list of faults: "An Analysis of Data Corruption in the Storage Stack" (FAST'08) for bit flips, torn,
 * lost and misdirected writes; SQLite's testing for "fail the nth I/O for every n".
 */
import { MediumError, type MediumErrorCode } from './error.ts'
import type { OperationName } from './medium.ts'
import { SeededRandom } from './random.ts'

/** What happens to the operation that a rule meets. */
export type FaultEffect =
  /** Fails with `code` (default MEDIA_IO). `applied`: it was done all the same. */
  | { readonly kind: 'error'; readonly code?: MediumErrorCode; readonly applied?: boolean }
  /** Append: only the first `keep` (0..1, default one half) of the bytes are written, then MEDIA_SHORT_WRITE. */
  | { readonly kind: 'short'; readonly keep?: number }
  /** Append: all bytes arrive, those after the first `keep` as noise, then MEDIA_IO. */
  | { readonly kind: 'torn'; readonly keep?: number }
  /** `bits` (default 1) bits differ: in what an append stores, or in what a read returns. Nobody is told. */
  | { readonly kind: 'bit-flip'; readonly bits?: number }
  /** Append: the place that it should go to shows zeros, other written bytes are written over. Nobody is told. */
  | { readonly kind: 'misdirected' }
  /** The operation takes `ms` longer. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** Fails with MEDIA_NO_SPACE before anything is written. */
  | { readonly kind: 'no-space' }
  /** Flush: succeeds and makes nothing durable. */
  | { readonly kind: 'lost-flush' }
  /** Loss of power in the middle of this operation: it and every later one fail with MEDIA_POWER_CUT. */
  | { readonly kind: 'power-cut' }

/** When an effect happens. Without `nth` and `probability`: every time. */
export interface FaultRule {
  /** One kind of operation; 'write' is append, flush, finish, reset and key; 'any' is all of them. */
  readonly on: OperationName | 'write' | 'any'
  /** Only operations on this zone count. */
  readonly zone?: number
  /** The nth (from 1) operation that this rule counts. */
  readonly nth?: number
  /** From the nth on, this many operations; default 1. */
  readonly count?: number
  /** Each operation with this probability, by the seed. */
  readonly probability?: number
  readonly effect: FaultEffect
}

const WRITES: ReadonlySet<OperationName> = new Set<OperationName>(['append', 'flush', 'finish', 'reset', 'key'])
const EFFECTS = ['error', 'short', 'torn', 'bit-flip', 'misdirected', 'latency', 'no-space', 'lost-flush', 'power-cut']
const NAMES = ['append', 'read', 'flush', 'finish', 'reset', 'report', 'key', 'write', 'any']

/** MEDIA_ARGUMENT for a rule that no operation could meet as written. */
function checkRule(rule: FaultRule): void {
  const bad = (text: string): never => {
    throw new MediumError('MEDIA_ARGUMENT', `fault rule: ${text}`)
  }
  if (!NAMES.includes(rule.on)) bad(`unknown operation ${String(rule.on)}`)
  if (!EFFECTS.includes(rule.effect?.kind)) bad(`unknown effect ${String(rule.effect?.kind)}`)
  if (rule.nth !== undefined && !(Number.isSafeInteger(rule.nth) && rule.nth >= 1)) bad('nth counts from 1')
  if (rule.probability !== undefined && !(rule.probability >= 0 && rule.probability <= 1)) bad('probability is 0..1')
  const { effect } = rule
  if ('keep' in effect && effect.keep !== undefined && !(effect.keep >= 0 && effect.keep <= 1)) bad('keep is 0..1')
  if (effect.kind === 'latency' && !(effect.ms >= 0)) bad('latency needs ms from 0')
}

/** Counts operations and says which effects the next one meets. */
export class FaultPlan {
  readonly rules: readonly FaultRule[]
  readonly random: SeededRandom
  readonly #seen: number[]
  readonly #counts = new Map<OperationName | 'any' | 'write', number>()

  constructor(rules: readonly FaultRule[], seed: number) {
    for (const rule of rules) checkRule(rule)
    this.rules = rules
    this.random = new SeededRandom(seed)
    this.#seen = rules.map(() => 0)
  }

  /** Operations so far, for "at every n" tests. */
  count(name: OperationName | 'any' | 'write'): number {
    return this.#counts.get(name) ?? 0
  }

  #bump(name: OperationName | 'any' | 'write'): void {
    this.#counts.set(name, this.count(name) + 1)
  }

  /** Counts one operation; returns its effects in the order of the rules. */
  next(name: OperationName, zone?: number): FaultEffect[] {
    this.#bump(name)
    this.#bump('any')
    if (WRITES.has(name)) this.#bump('write')
    const effects: FaultEffect[] = []
    this.rules.forEach((rule, index) => {
      const counts = rule.on === 'any' || rule.on === name || (rule.on === 'write' && WRITES.has(name))
      if (!counts || (rule.zone !== undefined && rule.zone !== zone)) return
      const seen = ++this.#seen[index]!
      if (rule.nth !== undefined && (seen < rule.nth || seen >= rule.nth + (rule.count ?? 1))) return
      if (rule.probability !== undefined && this.random.next() >= rule.probability) return
      effects.push(rule.effect)
    })
    return effects
  }
}
