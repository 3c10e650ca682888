/** One run of the body of a user's transaction: what it is lent, and how that becomes part of the volume. */
import type { Call } from '../core/call.ts'
import type { Change } from '../core/changes.ts'
import type { Core } from '../core/core.ts'
import type { Credentials } from '../core/mode.ts'
import type { Face } from '../face/context.ts'
import { Descriptors } from '../face/descriptors.ts'
import { countersKey } from '../format/keys.ts'
import { encodeCounters } from '../format/superblock.ts'
import { sessionOwner } from '../lock/types.ts'
import { drivenSync, type Op, pending } from '../op.ts'
import type { Bytes } from '../store/store.ts'
import { CoreWithin } from './core-within.ts'
import { NestedStore } from './nested-store.ts'

/** Everything inside is of one client. */
const CLIENT = ''

export class Session {
  /** The core of the volume. */
  readonly volume: Core
  /** What the body works with. */
  readonly face: Face
  /** The transaction, of another volume, in whose body this one was begun. */
  readonly outer: Session | undefined
  readonly #call: Call
  readonly #store: NestedStore
  readonly #core: CoreWithin
  readonly #effects: (() => void)[] = []
  readonly #told: Change[] = []
  #isOver = false

  constructor(call: Call, who: Credentials, bytesMax: number, outer: Session | undefined) {
    this.volume = call.core
    this.outer = outer
    this.#call = call
    this.#store = new NestedStore(call.core.store, call.tx, bytesMax)
    this.#core = new CoreWithin(call.core, this.#store, {
      effect: (effect) => this.#effects.push(effect),
      tell: (change) => this.#told.push(change),
    })
    this.face = {
      core: this.#core,
      who: { ...who, client: sessionOwner(CLIENT) },
      descriptors: new Descriptors(this.#core),
      device: Number.parseInt(call.core.identity.slice(0, 8), 16),
      cwd: undefined,
      session: CLIENT,
    }
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get wantsBarrier(): boolean {
    return this.#store.wantsBarrier
  }

  /** Whether all that was written gives space back. */
  get reclaims(): boolean {
    return this.#store.rows.size > 0 && this.#store.reclaims
  }

  /**
   * The body is done: waits for operations that are under way, closes what is open, and hands what was written to the
   * volume's transaction.
   */
  *finish(): Op<void> {
    if (!drivenSync()) yield* pending(this.#store.idle())
    yield* this.face.descriptors.closeSession(CLIENT)
    const { tx } = this.#call
    for (const { key, value, isDiscarded } of this.#store.rows.values()) {
      if (value !== undefined) tx.put(key, value)
      else if (isDiscarded === true) tx.discard(key)
      else tx.del(key)
    }
    this.#finishLateRows()
    for (const effect of this.#effects) tx.onCommit(effect)
    for (const change of this.#told) this.#call.tell(change)
    this.#core.quotas.settle(this.#call)
    this.end()
  }

  /** The counters are the volume's own, which went on meanwhile; every other late row is as its operation made it. */
  #finishLateRows(): void {
    const { tx } = this.#call
    const late = new Map<Bytes | (() => Bytes), () => Bytes>(this.#store.lateRows)
    const { volume } = this
    tx.onCommit(() => this.#core.settle())
    if (late.delete(countersKey)) tx.putAtCommit(countersKey, () => encodeCounters(volume.counters))
    for (const [key, make] of late) tx.putAtCommit(key, make)
  }

  /** Whatever the body still holds is of no use from now on. */
  end(): void {
    this.#isOver = true
    this.#store.end()
  }
}
