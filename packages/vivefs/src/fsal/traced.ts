/** The operations of the inner face, with tracing. */
import type { Core } from '../core/core.ts'
import { type Credentials, superuser } from '../core/mode.ts'
import type { Op } from '../op.ts'
import { isTraced, traced } from '../trace.ts'
import type { Fsal } from './types.ts'

/** What is no operation. */
const PLAIN: readonly string[] = ['listen', 'root'] satisfies (keyof Fsal)[]

type Operation = (first: unknown, second?: unknown, third?: unknown) => Op<unknown>

const isCredentials = (value: unknown): value is Credentials =>
  typeof value === 'object' && value !== null && 'uid' in value && 'groups' in value

/** The same functions; each looks first whether anybody listens. */
export function tracedFsal(core: Core, fsal: Fsal): Fsal {
  const out: Record<string, unknown> = { ...fsal }
  for (const [name, value] of Object.entries(fsal)) {
    if (typeof value !== 'function' || PLAIN.includes(name)) continue
    const plain = value as Operation
    out[name] = (first: unknown, second?: unknown, third?: unknown): Op<unknown> => {
      const op = plain(first, second, third)
      if (!isTraced() || typeof op?.next !== 'function') return op
      // A close names nobody: it asks for no right.
      const who = isCredentials(first) ? first : superuser
      const args = isCredentials(first) ? [second, third] : [first, second]
      return traced(op, core, who, 'fsal', name, args)
    }
  }
  return out as unknown as Fsal
}
