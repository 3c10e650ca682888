/** Quotas inside a user's transaction: what its operations use counts for them at once, and for the volume when it is ordered. */
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { FilesystemError } from '../errors.ts'
import type { QuotaRow } from '../format/quota.ts'
import type { QuotaKind } from '../format/quota-kind.ts'
import { nowOf, Quotas } from './quotas.ts'
import { Charges } from './usage.ts'

export class QuotasWithin extends Quotas {
  readonly #outer: Quotas
  readonly #used = new Charges()

  constructor(core: Core, outer: Quotas) {
    super(core)
    this.#outer = outer
    this.isOn = outer.isOn
    this.state = outer.state
  }

  override of(kind: QuotaKind, id: number): QuotaRow {
    const quota = this.#outer.of(kind, id)
    const used = this.#used.of(kind, id)
    if (used === undefined) return quota
    return { ...quota, bytes: quota.bytes + used.bytes, inodes: quota.inodes + used.inodes }
  }

  override charge(call: Call, what: Charges): void {
    const charges = what.net()
    if (!this.fits(call.who, charges, nowOf(call))) throw new FilesystemError('EDQUOT')
    call.tx.onCommit(() => {
      for (const { kind, id, bytes, inodes } of charges) this.#used.add(kind, id, bytes, inodes)
    })
  }

  /** Hands all of it to the volume's quotas, as part of the operation that the transaction is. EDQUOT. */
  settle(call: Call): void {
    if (this.isOn) this.#outer.charge(call, this.#used)
  }
}
