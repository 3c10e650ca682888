/**
 * Power cuts against the whole database. A trace runs on a medium whose power goes at its nth change; what the cut left is opened again,
 * and must be the state after a prefix of the batches: at least those that were promised, at most those that were begun.
 */
import { type Medium, SeededRandom } from '@vivefs/media'
import { LsmLevel } from '../../src/index.ts'
import { type Configuration, type Options, TINY } from '../configurations.ts'
import { APPEND, SortedMap, type Step } from '../model/oracle.ts'
import { CUTS, type Cut, closeAll, Powered, type Stage } from '../tree/power.ts'
import { randomTrace } from './traces.ts'

export type TraceStep =
  | { readonly do: 'batch'; readonly steps: readonly Step[]; readonly sync?: boolean; readonly now?: boolean }
  | { readonly do: 'deleteRange'; readonly from: string; readonly to: string }
  | { readonly do: 'flush' | 'compact' | 'syncLog' | 'reopen' }
  | { readonly do: 'keep' | 'drop'; readonly name: string }

/** What a power cut needs of a configuration: tiny, everything on one thread, with the model's merge operator. */
export function optionsOf({ options }: Configuration): Options {
  return { ...options, ...TINY, worker: false, mergeOperator: APPEND }
}

/** How far a trace came. Positions count steps that write. */
export interface Reached {
  /** Steps whose writing was begun. */
  readonly begun: number
  /** Steps that were acknowledged. */
  readonly acknowledged: number
  /** Steps that were promised to survive loss of power. */
  readonly durable: number
  /** The power was cut on the way. */
  readonly cut: boolean
}

const writes = (step: TraceStep): boolean => step.do === 'batch' || step.do === 'deleteRange'

/** What the database holds after each number of writing steps, as text that can be compared; `map` is what it holds before, and changes. */
export function statesOf(trace: readonly TraceStep[], map: SortedMap = new SortedMap()): string[] {
  const states = [textOf(map.range({}))]
  for (const step of trace) {
    if (step.do === 'batch') map.apply(step.steps)
    else if (step.do === 'deleteRange') map.deleteRange(step.from, step.to)
    else continue
    states.push(textOf(map.range({})))
  }
  return states
}

export function textOf(rows: readonly (readonly [string, string])[]): string {
  return JSON.stringify(rows)
}

async function doStep(level: LsmLevel, step: TraceStep): Promise<void> {
  if (step.do === 'batch') {
    const options = { sync: step.sync === true }
    if (step.now !== true || !isWritten(() => level.batchSync(step.steps, options)))
      await level.batch(step.steps, options)
  } else if (step.do === 'deleteRange') await level.deleteRange(step.from, step.to)
  else if (step.do === 'flush') await level.flush()
  else if (step.do === 'compact') await level.compactRange()
  else if (step.do === 'syncLog') await level.syncLog()
  else if (step.do === 'keep') await level.keepSnapshot(step.name)
  else if (step.do === 'drop') await level.dropSnapshot(step.name)
}

/** False: compaction is behind, and has to be waited for. */
function isWritten(write: () => void): boolean {
  try {
    write()
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'LEVEL_BUSY') return false
    throw error
  }
}

/** Steps after which everything before is promised to survive. */
function promises(step: TraceStep, options: Options): boolean {
  if (step.do === 'batch' || step.do === 'deleteRange')
    return options.durability === 'strict' || (step.do === 'batch' && step.sync === true)
  return step.do !== 'drop'
}

/** Runs a trace until its end or the power cut; `opened` may look at the database before. Any other failure is thrown. */
export async function runTrace(
  trace: readonly TraceStep[],
  stage: Stage,
  options: Options,
  opened: (level: LsmLevel) => Promise<void> = async () => {},
): Promise<Reached> {
  const open = async (): Promise<LsmLevel> => {
    const level = new LsmLevel('crash', { ...options, media: stage.media })
    await level.open()
    return level
  }
  const reached = { begun: 0, acknowledged: 0, durable: 0, cut: false }
  let level: LsmLevel | undefined
  try {
    level = await open()
    await opened(level)
    for (const step of trace) {
      if (writes(step)) reached.begun++
      if (step.do === 'reopen') {
        await level.close()
        level = await open()
      } else await doStep(level, step)
      if (writes(step)) reached.acknowledged++
      if (promises(step, options)) reached.durable = reached.acknowledged
    }
    await level.close()
    return { ...reached, durable: reached.acknowledged, cut: stage.ended }
  } catch (error) {
    if (!stage.ended) throw error
    await level?.close().catch(() => {})
    return { ...reached, cut: true }
  }
}

/** What is wrong with rows that were found after a cut; undefined: nothing. */
export function misfit(rows: [string, string][], states: readonly string[], reached: Reached): string | undefined {
  const found = textOf(rows)
  // A state can occur twice: the newest that fits counts.
  const at = states.lastIndexOf(found, reached.begun)
  if (at < 0) return `no prefix of ${reached.begun} steps: ${found.slice(0, 300)}`
  return at < reached.durable ? `${reached.durable} steps were promised, ${at} are there` : undefined
}

/** Opens what a cut left and says what is wrong with it; undefined: nothing. Afterwards the database has to take writes. */
export async function judge(
  media: Readonly<Record<string, Medium>>,
  states: readonly string[],
  reached: Reached,
  options: Options,
): Promise<string | undefined> {
  const level = new LsmLevel('crash', { ...options, media })
  try {
    await level.open()
    const complaint = misfit(await level.iterator().all(), states, reached)
    if (complaint !== undefined) return complaint
    await level.put('~after', 'the crash', { sync: true } as never)
    await level.close()
    await level.open()
    if ((await level.get('~after')) !== 'the crash') return 'a write after recovery is gone'
    return undefined
  } catch (error) {
    const { cause } = error as { cause?: unknown }
    return `${String(error)} ${String(cause ?? '')}`
  } finally {
    await level.close()
  }
}

/** Cuts at one point and judges what each kind of cut leaves; answers with complaints. `cut` false: the trace came to its end before. */
export async function tryCut(
  trace: readonly TraceStep[],
  states: readonly string[],
  o: { cutAt: number; seed: number; cuts: readonly Cut[]; configuration: Configuration },
): Promise<{ cut: boolean; complaints: string[] }> {
  const options = optionsOf(o.configuration)
  const powered = Powered.empty(o.seed, o.cutAt, o.configuration.media)
  const complaints: string[] = []
  try {
    const reached = await runTrace(trace, powered, options)
    for (const cut of o.cuts) {
      const media = await powered.after(cut, o.seed)
      const complaint = await judge(media, states, reached, options)
      await closeAll(media)
      if (complaint !== undefined)
        complaints.push(`cut at ${o.cutAt}, seed ${o.seed}, ${JSON.stringify(cut)}: ${complaint}`)
    }
    return { cut: reached.cut, complaints }
  } finally {
    await powered.close()
  }
}

/**
 * Cuts the power at one point, and again at every so manyth change that opening what is left makes, until one opening comes to its end;
 * answers with complaints and the number of second cuts.
 */
export async function tryRecovery(
  trace: readonly TraceStep[],
  states: readonly string[],
  o: { cutAt: number; stride: number; configuration: Configuration },
): Promise<{ cut: boolean; recoveries: number; complaints: string[] }> {
  const options = optionsOf(o.configuration)
  const powered = Powered.empty(o.cutAt, o.cutAt, o.configuration.media)
  const complaints: string[] = []
  let recoveries = 0
  try {
    const reached = await runTrace(trace, powered, options)
    for (let again = 1, cut = reached.cut; cut; again += o.stride) {
      const first = CUTS[(o.cutAt + again) % CUTS.length]!
      const second = CUTS[again % CUTS.length]!
      const opening = new Powered(await powered.after(first, o.cutAt), again, again)
      cut = (await runTrace([], opening, options)).cut
      const media = await opening.after(second, again)
      const complaint = await judge(media, states, reached, options)
      await closeAll(media)
      await opening.close()
      recoveries++
      if (complaint === undefined) continue
      complaints.push(
        `cut at ${o.cutAt} ${JSON.stringify(first)}, then ${again} ${JSON.stringify(second)}: ${complaint}`,
      )
    }
    return { cut: reached.cut, recoveries, complaints }
  } finally {
    await powered.close()
  }
}

/**
 * The process is killed at one point, and the power goes at every so manyth change that opening makes after it: what recovery read out of
 * caches may not be relied on before it is durable. Where opening comes to its end, everything acknowledged is there: nothing was lost by the kill.
 */
export async function tryKill(
  trace: readonly TraceStep[],
  states: readonly string[],
  o: { killAt: number; stride: number; configuration: Configuration },
): Promise<{ killed: boolean; recoveries: number; complaints: string[] }> {
  const options = optionsOf(o.configuration)
  const holdsBack = options.durability === 'relaxed'
  const complaints: string[] = []
  for (let point = 1, recoveries = 0; ; point += o.stride, recoveries++) {
    const powered = Powered.empty(o.killAt, 0, o.configuration.media)
    try {
      const reached = await runTrace(trace, powered.mortal(o.killAt), options)
      if (!reached.cut) return { killed: false, recoveries, complaints }
      powered.cutAfter(point)
      const { cut } = await runTrace([], powered, options)
      const kind = CUTS[(o.killAt + point) % CUTS.length]!
      const media = await powered.after(kind, point)
      const promised = cut || holdsBack ? reached : { ...reached, durable: reached.acknowledged }
      const complaint = await judge(media, states, promised, options)
      await closeAll(media)
      if (complaint !== undefined)
        complaints.push(`killed at ${o.killAt}, then cut at ${point} ${JSON.stringify(kind)}: ${complaint}`)
      if (!cut) return { killed: true, recoveries, complaints }
    } finally {
      await powered.close()
    }
  }
}

/**
 * One database through several power cuts, each anywhere in opening, writing and closing: after every one of them it holds a prefix of
 * what it was told, with all that was promised. Answers with the number of cuts; throws what is wrong.
 */
export async function lives(seed: number, cycles: number, configuration: Configuration): Promise<number> {
  const random = new SeededRandom(seed)
  const options = optionsOf(configuration)
  let media: Readonly<Record<string, Medium>> | undefined
  let states: readonly string[] = [textOf([])]
  let reached: Reached = { begun: 0, acknowledged: 0, durable: 0, cut: false }
  let cuts = 0
  for (let cycle = 0; cycle < cycles; cycle++) {
    const cutAt = 1 + random.below(random.below(3) === 0 ? 30 : 300)
    const powered: Powered =
      media === undefined ? Powered.empty(seed, cutAt, configuration.media) : new Powered(media, seed + cycle, cutAt)
    const trace = randomTrace(random.below(2 ** 31), 40)
    let before: SortedMap | undefined
    const now = await runTrace(trace, powered, options, async (level) => {
      const rows = await level.iterator().all()
      const complaint = misfit(rows, states, reached)
      if (complaint !== undefined) throw new Error(`seed ${seed}, cycle ${cycle}: ${complaint}`)
      before = new SortedMap(new Map(rows))
    }).catch((error: Error & { cause?: unknown }) => {
      throw new Error(`seed ${seed}, cycle ${cycle}: ${error.message} ${String(error.cause ?? '')}`, { cause: error })
    })
    // A cut while it was being opened: what was allowed before is allowed now.
    if (before !== undefined) {
      states = statesOf(trace, before)
      reached = now
    }
    if (now.cut) cuts++
    media = await powered.after(CUTS[random.below(CUTS.length)]!, seed + cycle)
    await powered.close()
  }
  await closeAll(media!)
  return cuts
}
