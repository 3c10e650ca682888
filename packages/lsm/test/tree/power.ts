import { type FaultMedium, type Imageable, isImageable, type Medium, openFault, openMemory } from '@vivefs/media'

/** What of the unsynced writes a power cut leaves. */
export interface Cut {
  readonly keep: number
  readonly order: 'in-order' | 'reordered'
}

export const CUTS: readonly Cut[] = [
  { keep: 0, order: 'in-order' },
  { keep: 0.5, order: 'in-order' },
  { keep: 0.5, order: 'reordered' },
  { keep: 1, order: 'in-order' },
]

/** Operations that change a medium. */
const CHANGES = ['append', 'appendSync', 'flush', 'flushSync', 'finish', 'finishSync', 'reset', 'resetSync'] as const

/** A medium in memory whose power can be cut at the nth operation that changes it. */
export class Powered {
  readonly inner: Medium & Imageable
  readonly medium: FaultMedium
  operations = 0

  constructor(inner: Medium, seed: number, cutAt: number) {
    if (!isImageable(inner)) throw new TypeError('the medium cannot be copied')
    this.inner = inner
    this.medium = openFault(inner, { seed }) as FaultMedium
    const target = this.medium as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>
    for (const name of CHANGES) {
      const before = target[name]
      if (before === undefined) continue
      target[name] = (...args: unknown[]) => {
        if (++this.operations === cutAt) this.medium.cutPower()
        return before.apply(this.medium, args)
      }
    }
  }

  static empty(seed: number, cutAt: number): Powered {
    return new Powered(openMemory({ zoneBytes: 64 << 10, zoneCount: 64, durability: 'flush' }), seed, cutAt)
  }

  /** A medium that holds what the cut left. */
  async after(cut: Cut, seed: number): Promise<Medium> {
    return await this.inner.twin(await this.medium.crashContents({ ...cut, seed }))
  }

  async close(): Promise<void> {
    await this.medium.close()
    await this.inner.close()
  }
}
