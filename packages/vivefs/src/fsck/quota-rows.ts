/** Quotas: what their rows say of use is what the inodes add up to (FORMAT.md, U1 and U2). */

import type { Core } from '../core/core.ts'
import { quotaKey, quotaOwnerOfKey, quotaStateKey } from '../format/keys.ts'
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
import { STATE_DEFAULT } from '../quota/quotas.ts'
import { Charges, NO_QUOTA, type Owned, ownerCode } from '../quota/usage.ts'
import type { Row } from '../store/store.ts'
import { dropRow } from './drop-row.ts'
import type { Findings, Fix } from './finding.ts'

interface Known {
  readonly kind: QuotaKind
  readonly id: number
  readonly quota: QuotaRow
}

export class QuotaRows {
  readonly #core: Core
  readonly #findings: Findings
  readonly #known = new Map<number, Known>()
  readonly #counted = new Charges()
  #state: QuotaState | undefined
  #isStateDamaged = false

  constructor(core: Core, findings: Findings) {
    this.#core = core
    this.#findings = findings
  }

  visitState(row: Row): void {
    const verdict = decodeQuotaState(row.value)
    if (verdict.ok) this.#state = verdict.value
    else {
      this.#isStateDamaged = true
      this.#findings.add(
        'ROW_DAMAGED',
        undefined,
        `the state of quotas is damaged (${verdict.fault})`,
        'rows',
        dropRow(row),
      )
    }
  }

  visitQuota(row: Row): void {
    const owner = quotaOwnerOfKey(row.key)
    if (owner === undefined) {
      this.#findings.add(
        'ROW_UNKNOWN',
        undefined,
        `a quota of no known kind, key ${Buffer.from(row.key).toString('hex')}`,
      )
      return
    }
    const verdict = decodeQuota(row.key, row.value)
    if (verdict.ok) this.#known.set(ownerCode(owner.kind, owner.id), { ...owner, quota: verdict.value })
    else {
      const message = `the quota of ${owner.kind} ${owner.id} is damaged (${verdict.fault}); its limits are lost`
      this.#findings.add('ROW_DAMAGED', undefined, message, 'rows', dropRow(row))
    }
  }

  /** A sound inode. */
  count(inode: Owned): void {
    this.#counted.count(inode, 1)
  }

  finish(): void {
    const { options, superblock } = this.#core
    // Only the volume itself has quotas: what snapshots and forks hold is not counted.
    if (options.identity !== undefined) return
    const { features } = superblock
    const isMarked = (features.roCompat & RoCompat.quotas) !== 0
    const isOn = this.#state?.isOn ?? false
    if (isOn !== isMarked && !this.#isStateDamaged) {
      const message = `quotas are ${isOn ? 'on' : 'off'}, the superblock says otherwise`
      this.#findings.add('QUOTA', undefined, message, 'rows', setOn(this.#state, isMarked))
    }
    // A rollback that was cut short says so itself: the next open counts.
    if (!isMarked || this.#state?.isStale === true) return
    const owners = new Map<number, { kind: QuotaKind; id: number }>(this.#known)
    for (const charge of this.#counted.all) owners.set(ownerCode(charge.kind, charge.id), charge)
    for (const [code, { kind, id }] of owners) {
      const { bytes, inodes } = this.#counted.of(kind, id) ?? { bytes: 0, inodes: 0 }
      const quota = this.#known.get(code)?.quota ?? NO_QUOTA
      if (quota.bytes === bytes && quota.inodes === inodes) continue
      const message = `${kind} ${id} uses ${bytes} bytes in ${inodes} inodes, its quota says ${quota.bytes} in ${quota.inodes}`
      this.#findings.add('QUOTA', undefined, message, 'rows', setUse(kind, id, { ...quota, bytes, inodes }))
    }
  }
}

const setUse = (kind: QuotaKind, id: number, quota: QuotaRow): Fix =>
  function* (call) {
    const key = quotaKey(kind, id)
    const { quotas } = call.core
    call.tx.onCommit(() => quotas.put(kind, id, quota))
    // Repairs of inodes in the same step count on top of it.
    call.tx.putAtCommit(key, () => encodeQuota(key, quotas.of(kind, id)))
  }

/** What the superblock says decides: it is what other versions go by. */
const setOn = (state: QuotaState | undefined, isOn: boolean): Fix =>
  function* (call) {
    const next = { ...(state ?? STATE_DEFAULT), isOn }
    call.tx.put(quotaStateKey, encodeQuotaState(next))
    const { quotas } = call.core
    call.tx.onCommit(() => {
      quotas.state = next
      quotas.isOn = isOn
    })
  }
