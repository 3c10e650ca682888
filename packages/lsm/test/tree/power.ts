import {
  type FaultMedium,
  type Imageable,
  isImageable,
  type Medium,
  MediumError,
  type MemoryOptions,
  openFault,
} from '@vivefs/media'
import { type MediumShape, openShaped } from '../media-shape.ts'

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

const SHAPE: MemoryOptions = { zoneBytes: 64 << 10, zoneCount: 64, durability: 'flush' }

/** Media that a process writes to until something ends it. */
export interface Stage {
  readonly media: Readonly<Record<string, Medium>>
  /** It was ended. */
  readonly ended: boolean
}

/** The media of one machine, by name, whose power goes at the nth operation that changes any of them. */
export class Powered implements Stage {
  readonly #inner: Record<string, Medium & Imageable> = {}
  readonly media: Record<string, FaultMedium> = {}
  #cutAt: number
  operations = 0

  constructor(media: Readonly<Record<string, Medium>>, seed: number, cutAt: number) {
    this.#cutAt = cutAt
    for (const [name, inner] of Object.entries(media)) {
      if (!isImageable(inner)) throw new TypeError('the medium cannot be copied')
      this.#inner[name] = inner
      this.media[name] = this.#watched(openFault(inner, { seed }) as FaultMedium)
    }
  }

  #watched(medium: FaultMedium): FaultMedium {
    const target = medium as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>
    for (const name of CHANGES) {
      const before = target[name]
      if (before === undefined) continue
      target[name] = (...args: unknown[]) => {
        if (++this.operations === this.#cutAt) this.cut()
        return before.apply(medium, args)
      }
    }
    return medium
  }

  /** In memory: the media of a configuration, or `main` alone. */
  static empty(seed: number, cutAt: number, shapes: Readonly<Record<string, MediumShape>> = { main: {} }): Powered {
    const media = Object.entries(shapes).map(([name, shape]) => [name, openShaped(shape, SHAPE)])
    return new Powered(Object.fromEntries(media), seed, cutAt)
  }

  cut(): void {
    for (const medium of Object.values(this.media)) medium.cutPower()
  }

  /** The power goes at the nth operation from now on. */
  cutAfter(operations: number): void {
    this.#cutAt = this.operations + operations
  }

  /**
   * The media as one process sees them, which is killed at its nth operation that changes any: from then on it does nothing to them, though
   * it may try. What it wrote stays, and loss of power can still take what it did not flush.
   */
  mortal(killAt: number): Stage {
    const changes: ReadonlySet<unknown> = new Set(CHANGES)
    let left = killAt
    const dead = (): boolean => left <= 0
    const media: Record<string, Medium> = {}
    for (const [name, medium] of Object.entries(this.media)) {
      media[name] = new Proxy<Medium>(medium, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key, target)
          if (typeof value !== 'function') return value
          return (...args: unknown[]) => {
            if (changes.has(key)) left--
            if (dead()) throw new MediumError('MEDIA_IO', 'the process was killed')
            return (value as (...all: unknown[]) => unknown).apply(target, args)
          }
        },
      })
    }
    return {
      media,
      get ended() {
        return dead()
      },
    }
  }

  get ended(): boolean {
    return this.powerCut
  }

  get powerCut(): boolean {
    return Object.values(this.media).some((medium) => medium.powerCut)
  }

  /** Media that hold what the cut left. */
  async after(cut: Cut, seed: number): Promise<Record<string, Medium>> {
    const left: Record<string, Medium> = {}
    for (const [name, medium] of Object.entries(this.media))
      left[name] = await this.#inner[name]!.twin(await medium.crashContents({ ...cut, seed }))
    return left
  }

  async close(): Promise<void> {
    await closeAll(this.media)
    await closeAll(this.#inner)
  }
}

export async function closeAll(media: Readonly<Record<string, Medium>>): Promise<void> {
  for (const medium of Object.values(media)) await medium.close()
}
