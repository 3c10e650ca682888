import type { FaultMedium, Medium, MediumImage } from '@vivefs/media'
import { isImageable, MediumError, openFault } from '@vivefs/media'
import { Trace } from '../src/conformance/trace.ts'
import { Volume } from '../src/index.ts'

/** One way to lose power. */
export interface Cut {
  readonly keep: number
  readonly order: 'in-order' | 'reordered'
}

export const CUTS: readonly Cut[] = [0, 0.5, 1].flatMap((keep) => [
  { keep, order: 'in-order' as const },
  { keep, order: 'reordered' as const },
])

const ID = new Uint8Array(16).fill(7)

export interface CrashRun {
  readonly trace: Trace
  readonly media: Record<string, FaultMedium>
  /** The volume had been created. */
  readonly created: boolean
  readonly error: unknown
  /** Operations on all media until then. */
  readonly operations: number
}

export interface CrashRunOptions {
  readonly seed: number
  readonly operations: number
  readonly cutAt: number
  readonly appendBytesMax?: number
  /** Default 'power'. 'process': the media go on, with what no flush covered still in their caches. */
  readonly loss?: 'power' | 'process'
}

/** Runs a trace on empty media with the power cut on all of them, or the process killed, at the nth media operation. */
export async function runUntilCut(inner: Readonly<Record<string, Medium>>, o: CrashRunOptions): Promise<CrashRun> {
  const media: Record<string, FaultMedium> = {}
  const names = Object.keys(inner)
  let left = o.cutAt
  for (const name of names) media[name] = openFault(inner[name]!, { seed: o.seed }) as FaultMedium
  // One power supply: operations are counted over all media, and all lose power together.
  const tick = () => {
    if (--left !== 0 || o.loss === 'process') return
    for (const medium of Object.values(media)) medium.cutPower()
  }
  let seen: Record<string, Medium> = media
  if (o.loss === 'process') seen = mortal(media, tick, () => left <= 0)
  else for (const name of names) countDown(media[name]!, tick)
  const { seed, operations, appendBytesMax } = o
  const trace = new Trace({
    seed,
    operations,
    media: names,
    ...(appendBytesMax === undefined ? {} : { appendBytesMax }),
  })
  let created = false
  let error: unknown
  try {
    const volume = await Volume.create({ media: seen, volumeId: ID, now: () => 1 })
    created = true
    await trace.run(volume)
    await volume.close()
    for (const { id } of volumeFiles(trace)) trace.oracle.synced(id, trace.oracle.files.get(id)!.size)
    trace.oracle.tableDurable()
  } catch (caught) {
    error = caught
  }
  return { trace, media, created, error, operations: o.cutAt - left }
}

function volumeFiles(trace: Trace): { id: number }[] {
  return [...trace.oracle.table.names.values()].map((id) => ({ id }))
}

const COUNTED = [
  'append',
  'appendSync',
  'flush',
  'flushSync',
  'finish',
  'finishSync',
  'reset',
  'resetSync',
  'createOnce',
  'deleteKey',
] as const

/** The media as one process sees them: once `dead` it does nothing more to them, though it may try. */
function mortal(
  media: Readonly<Record<string, FaultMedium>>,
  tick: () => void,
  dead: () => boolean,
): Record<string, Medium> {
  const counted: ReadonlySet<unknown> = new Set(COUNTED)
  const seen: Record<string, Medium> = {}
  for (const [name, medium] of Object.entries(media)) {
    seen[name] = new Proxy(medium, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (counted.has(key)) tick()
          if (dead()) throw new MediumError('MEDIA_IO', 'the process was killed')
          return (value as (...all: unknown[]) => unknown).apply(target, args)
        }
      },
    })
  }
  return seen
}

/** Calls `tick` before every operation that changes a medium. */
export function countDown(medium: FaultMedium, tick: () => void): void {
  const target = medium as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>
  for (const name of COUNTED) {
    const before = target[name]
    if (before === undefined) continue
    target[name] = (...args: unknown[]) => {
      tick()
      return before.apply(medium, args)
    }
  }
}

/** What the power cut left on each medium, as data. */
export type Contents = Readonly<Record<string, MediumImage>>

export async function contentsOf(
  media: Readonly<Record<string, FaultMedium>>,
  cut: Cut,
  seed: number,
): Promise<Contents> {
  const left: Record<string, MediumImage> = {}
  for (const [name, medium] of Object.entries(media)) left[name] = await medium.crashContents({ ...cut, seed })
  return left
}

/** New media of the kind and identity of `like` that hold `contents`. */
export async function mediaHolding(
  contents: Contents,
  like: Readonly<Record<string, Medium>>,
): Promise<Record<string, Medium>> {
  const media: Record<string, Medium> = {}
  for (const [name, image] of Object.entries(contents)) {
    const medium = like[name]!
    if (!isImageable(medium)) throw new Error(`${name} cannot build a twin`)
    media[name] = await medium.twin(image)
  }
  return media
}

/** Opens with the power cut at the nth operation; undefined, with the media closed, when recovery ended before. */
export async function recoverUntilCut(
  media: Readonly<Record<string, Medium>>,
  cutAt: number,
): Promise<Record<string, FaultMedium> | undefined> {
  const faulty: Record<string, FaultMedium> = {}
  for (const [name, medium] of Object.entries(media)) faulty[name] = openFault(medium, {}) as FaultMedium
  return reopenUntilCut(faulty, cutAt)
}

/** As {@link recoverUntilCut}, on the media of a process that was killed: what it left in caches is there and can still be lost. */
export async function reopenUntilCut(
  faulty: Record<string, FaultMedium>,
  cutAt: number,
): Promise<Record<string, FaultMedium> | undefined> {
  let left = cutAt
  for (const medium of Object.values(faulty))
    countDown(medium, () => {
      if (--left !== 0) return
      for (const one of Object.values(faulty)) one.cutPower()
    })
  try {
    const volume = await Volume.open({ media: faulty, now: () => 1 })
    await volume.close()
  } catch (error) {
    if (left > 0) throw error
  }
  if (left <= 0) return faulty
  await closeAll(faulty)
  return undefined
}

/** Lets go of media; those behind `fault` too. Memory of a medium is only returned when it is closed. */
export async function closeAll(media: Readonly<Record<string, Medium>> | undefined): Promise<void> {
  for (const medium of Object.values(media ?? {})) {
    await medium.close()
    if ('inner' in medium) await (medium as FaultMedium).inner.close()
  }
}
