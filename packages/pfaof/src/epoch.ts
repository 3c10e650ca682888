import { fromMedium, PfaofError } from './error.ts'
import { type Op, wait } from './op.ts'
import type { VolumeMedium } from './volume-medium.ts'

/**
 * Claiming a volume (I11). Where a home medium has create-once keys the store decides who has an epoch; elsewhere the medium itself
 * keeps a second writer out (its lock), and the epoch only marks what each writer wrote. Source: SlateDB's fencing.
 */

/** The key that a claim creates. Claims are never deleted: a writer that slept for long must still find its successor. */
export function epochKey(epoch: number): string {
  return `epoch/${String(epoch).padStart(10, '0')}`
}

export class EpochClaim {
  readonly epoch: number
  readonly #shared: readonly VolumeMedium[]
  #lost = false

  private constructor(epoch: number, shared: readonly VolumeMedium[]) {
    this.epoch = epoch
    this.#shared = shared
  }

  /** Claims the epoch after `seen`, or a later one when others were faster. */
  static *claim(homes: readonly VolumeMedium[], seen: number, holder: string): Op<EpochClaim> {
    const shared = homes.filter(({ medium }) => medium.caps.fencing === 'create-once')
    let epoch = seen + 1
    for (let i = 0; i < shared.length; ) {
      const medium = shared[i]!
      let created: boolean
      try {
        created = yield* wait(() => medium.medium.createOnce!(epochKey(epoch), Buffer.from(holder, 'utf8')))
      } catch (error) {
        throw fromMedium(error, `claim of epoch ${epoch} on ${medium.name}`)
      }
      if (created) i++
      else {
        epoch++
        i = 0
      }
      if (epoch > 0xffff_ffff) throw new PfaofError('PFAOF_FORMAT', 'the epochs of the volume are used up')
    }
    return new EpochClaim(epoch, shared)
  }

  /** PFAOF_FENCED when a newer writer has claimed. Called after a flush and before anything is acknowledged. */
  *verify(): Op<void> {
    if (this.#shared.length === 0) return
    for (const medium of this.#shared) {
      if (this.#lost) break
      let next: Uint8Array | undefined
      try {
        next = yield* wait(() => medium.medium.readKey!(epochKey(this.epoch + 1)))
      } catch (error) {
        throw fromMedium(error, `reading the claim on ${medium.name}`)
      }
      if (next !== undefined) this.#lost = true
    }
    if (this.#lost) throw new PfaofError('PFAOF_FENCED', `a writer with an epoch above ${this.epoch} has the volume`)
  }
}
