/** The locks of one kind on one file, of all owners. */
import { covers, findConflict, LOCK_END, type Span, setSpan } from './span.ts'
import { type HeldLock, type LockOwner, ownerKey } from './types.ts'

/** A range and how it is wanted. */
export interface Wanted {
  readonly owner: LockOwner
  readonly exclusive: boolean
  readonly start: number
  /** Not included. */
  readonly end: number
}

interface Held {
  readonly owner: LockOwner
  readonly spans: Span[]
}

export class RangeLocks {
  readonly #owners = new Map<string, Held>()

  get isEmpty(): boolean {
    return this.#owners.size === 0
  }

  /** What stands in the way, of whoever: the lowest range of the first such owner. */
  conflict(wanted: Wanted): { readonly owner: LockOwner; readonly span: Span } | undefined {
    const key = ownerKey(wanted.owner)
    let found: { owner: LockOwner; span: Span } | undefined
    for (const [other, { owner, spans }] of this.#owners) {
      if (other === key) continue
      const span = findConflict(spans, wanted.start, wanted.end, wanted.exclusive)
      if (span !== undefined && (found === undefined || span.start < found.span.start)) found = { owner, span }
    }
    return found
  }

  /** Keys of all owners that stand in the way. */
  conflictingOwners(wanted: Wanted): string[] {
    const key = ownerKey(wanted.owner)
    const keys: string[] = []
    for (const [other, { spans }] of this.#owners) {
      if (other === key) continue
      if (findConflict(spans, wanted.start, wanted.end, wanted.exclusive) !== undefined) keys.push(other)
    }
    return keys
  }

  /** Whether the owner has it already, just so. */
  holds({ owner, start, end, exclusive }: Wanted): boolean {
    const held = this.#owners.get(ownerKey(owner))
    return held !== undefined && covers(held.spans, start, end, exclusive)
  }

  /** Sets a range without asking others; `exclusive` undefined unlocks. Answers how many more ranges are held now. */
  set(owner: LockOwner, start: number, end: number, exclusive: boolean | undefined): number {
    const key = ownerKey(owner)
    let held = this.#owners.get(key)
    if (held === undefined) {
      if (exclusive === undefined) return 0
      held = { owner, spans: [] }
      this.#owners.set(key, held)
    }
    const before = held.spans.length
    setSpan(held.spans, start, end, exclusive)
    const after = held.spans.length
    if (after === 0) this.#owners.delete(key)
    return after - before
  }

  /** Lets go of all that owners have for whom `which` answers true; answers how many ranges went. */
  drop(which: (owner: LockOwner) => boolean): number {
    let dropped = 0
    for (const [key, { owner, spans }] of this.#owners) {
      if (!which(owner)) continue
      dropped += spans.length
      this.#owners.delete(key)
    }
    return dropped
  }

  list(kind: HeldLock['kind']): HeldLock[] {
    const held: HeldLock[] = []
    for (const { owner, spans } of this.#owners.values()) {
      for (const span of spans) held.push(describe(kind, owner, span))
    }
    return held
  }
}

export const describe = (kind: HeldLock['kind'], owner: LockOwner, { start, end, exclusive }: Span): HeldLock => ({
  kind,
  type: exclusive ? 'write' : 'read',
  start,
  length: end === LOCK_END ? 0 : end - start,
  owner,
})
