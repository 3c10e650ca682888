/**
 * Quotas of an open volume: what every user, group and project uses, kept in memory and checked when an operation ends. Free while
 * they are off.
 *
 *   Q1  use is the sum over the inodes that there are (those that are open without a name too), counted when a commit is ordered and
 *       written in its batch: it is exact after any crash
 *   Q2  what only takes less is never refused
 *   Q3  the limits of users and groups do not bind the superuser; those of projects bind everybody
 */
import { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { changeFeatures } from '../core/features.ts'
import { type Credentials, superuser } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import { quotaKey, quotaOwnerOfKey, quotaRange, quotaStateKey } from '../format/keys.ts'
import {
  decodeQuota,
  decodeQuotaState,
  encodeQuota,
  encodeQuotaState,
  type QuotaRow,
  type QuotaState,
} from '../format/quota.ts'
import type { QuotaKind } from '../format/quota-kind.ts'
import { RoCompat } from '../format/superblock.ts'
import { type Op, runAsync } from '../op.ts'
import type { Tx } from '../store/store.ts'
import { countUse } from './recount.ts'
import { type Charge, type Charges, exceeds, NO_QUOTA, ownerCode, stamped } from './usage.ts'

const WEEK_MS = 7 * 86_400_000

export const STATE_DEFAULT: QuotaState = {
  isOn: false,
  isStale: false,
  grace: {
    user: { bytesMs: WEEK_MS, inodesMs: WEEK_MS },
    group: { bytesMs: WEEK_MS, inodesMs: WEEK_MS },
    project: { bytesMs: WEEK_MS, inodesMs: WEEK_MS },
  },
}

export interface Owner {
  readonly kind: QuotaKind
  readonly id: number
}

export class Quotas {
  /** Whether use is followed and limits are kept. */
  isOn = false
  state: QuotaState = STATE_DEFAULT
  readonly #core: Core
  readonly #rows = new Map<number, Owner & { quota: QuotaRow }>()

  constructor(core: Core) {
    this.#core = core
  }

  /** Takes up what earlier sessions left. For the mount of a volume. */
  async mount(): Promise<void> {
    await runAsync(this.#core.read(superuser, (call) => this.#load(call)))
    if (this.state.isStale && !this.#core.options.readOnly) await this.recount()
  }

  *#load(call: Call): Op<void> {
    const row = yield* call.tx.get(quotaStateKey)
    if (row === undefined) return
    const verdict = decodeQuotaState(row)
    if (!verdict.ok) throw corruption('quota state', verdict.fault)
    this.state = verdict.value
    this.isOn = verdict.value.isOn
    for (const { key, value } of yield* call.tx.range(quotaRange)) {
      const owner = quotaOwnerOfKey(key)
      const quota = decodeQuota(key, value)
      if (owner === undefined || !quota.ok) throw corruption('quota', quota.ok ? 'shape' : quota.fault)
      this.#rows.set(ownerCode(owner.kind, owner.id), { ...owner, quota: quota.value })
    }
  }

  of(kind: QuotaKind, id: number): QuotaRow {
    return this.#rows.get(ownerCode(kind, id))?.quota ?? NO_QUOTA
  }

  /** All owners that are known. */
  list(): readonly (Owner & { readonly quota: QuotaRow })[] {
    return [...this.#rows.values()]
  }

  /** For the instant in which a change is ordered. */
  put(kind: QuotaKind, id: number, quota: QuotaRow): void {
    this.#rows.set(ownerCode(kind, id), { kind, id, quota })
  }

  /** Whether `who` may use so much more; `nowMs`: the time of the operation. */
  fits(who: Credentials, charges: readonly Charge[], nowMs: number): boolean {
    return charges.every((charge) => {
      if (charge.kind !== 'project' && who.uid === 0) return true
      return !exceeds(this.of(charge.kind, charge.id), charge, this.state.grace[charge.kind], nowMs)
    })
  }

  /** Counts what an operation does, at its end. EDQUOT. */
  charge(call: Call, what: Charges): void {
    const charges = what.net()
    if (charges.length === 0) return
    const nowMs = nowOf(call)
    const { who, tx } = call
    if (charges.some(({ bytes, inodes }) => bytes > 0 || inodes > 0)) {
      const fits = (): boolean => this.fits(who, charges, nowMs)
      if (!fits()) {
        const inodesOnly = charges.map((charge) => ({ ...charge, bytes: 0 }))
        throw new QuotaExceeded(this.fits(who, inodesOnly, nowMs) ? 'bytes' : 'inodes')
      }
      // Whoever is ordered in between may have taken what is left.
      tx.relyOn(fits)
    }
    tx.onCommit(() => {
      for (const { kind, id, bytes, inodes } of charges) {
        const quota = this.of(kind, id)
        this.put(kind, id, stamped({ ...quota, bytes: quota.bytes + bytes, inodes: quota.inodes + inodes }, nowMs))
      }
    })
    for (const { kind, id } of charges) this.#writeLate(tx, kind, id)
  }

  #writeLate(tx: Tx, kind: QuotaKind, id: number): void {
    const key = quotaKey(kind, id)
    tx.putAtCommit(key, () => encodeQuota(key, this.of(kind, id)))
  }

  /** Changes limits; the use stays. For owners of any kind while quotas are on. */
  *setLimits(call: Call, { kind, id }: Owner, limits: Partial<QuotaRow>): Op<void> {
    // Joins the conflict set: two who set limits of one owner come one after the other.
    yield* call.tx.get(quotaKey(kind, id))
    const nowMs = nowOf(call)
    call.tx.onCommit(() => this.put(kind, id, stamped({ ...this.of(kind, id), ...limits }, nowMs)))
    this.#writeLate(call.tx, kind, id)
  }

  /** Changes the state row. */
  *setState(call: Call, state: QuotaState): Op<void> {
    yield* call.tx.get(quotaStateKey)
    call.tx.put(quotaStateKey, encodeQuotaState(state))
    if (state.isOn !== this.state.isOn) {
      yield* changeFeatures(call, (features) => ({
        ...features,
        roCompat: state.isOn ? features.roCompat | RoCompat.quotas : features.roCompat & ~RoCompat.quotas,
      }))
    }
    call.tx.onCommit(() => {
      this.state = state
      this.isOn = state.isOn
    })
  }

  /** Use will not be followed for what comes; `recount` mends it, the next open at the latest. */
  markStale(tx: Tx): void {
    if (!this.isOn) return
    const state = { ...this.state, isStale: true }
    tx.put(quotaStateKey, encodeQuotaState(state))
    tx.onCommit(() => {
      this.state = state
    })
  }

  /** Counts all use anew and writes it, with `state` if it is to change. Nothing else changes the volume meanwhile. */
  async recount(state: QuotaState = this.state, signal?: AbortSignal): Promise<void> {
    if (!state.isOn) return
    const counted = new Map<number, Charge>()
    for (const charge of (await countUse(this.#core, signal)).all) {
      counted.set(ownerCode(charge.kind, charge.id), charge)
    }
    await runAsync(this.#core.store.transact((tx) => this.#adopt(new Call(this.#core, tx, superuser), counted, state)))
  }

  /** Forgets what is used; limits stay. Nothing else changes the volume meanwhile. */
  async turnOff(): Promise<void> {
    const state = { ...this.state, isOn: false }
    await runAsync(this.#core.store.transact((tx) => this.setState(new Call(this.#core, tx, superuser), state)))
  }

  *#adopt(call: Call, counted: ReadonlyMap<number, Charge>, state: QuotaState): Op<void> {
    const owners = new Map<number, Owner>([...counted, ...this.#rows])
    const nowMs = nowOf(call)
    yield* this.setState(call, { ...state, isStale: false })
    for (const [code, { kind, id }] of owners) {
      const { bytes = 0, inodes = 0 } = counted.get(code) ?? {}
      call.tx.onCommit(() => this.put(kind, id, stamped({ ...this.of(kind, id), bytes, inodes }, nowMs)))
      this.#writeLate(call.tx, kind, id)
    }
  }
}

/** EDQUOT, and what there would be too much of. */
export class QuotaExceeded extends FilesystemError {
  readonly of: 'bytes' | 'inodes'

  constructor(of: 'bytes' | 'inodes') {
    super('EDQUOT')
    this.of = of
  }
}

export const nowOf = ({ now }: Call): number => now.sec * 1000 + Math.floor(now.nsec / 1e6)
