/** The rows of a table of benchmarks: what is compared, and where we want to stand. */
import type { Sample } from './measure.ts'

/** How many times better than a peer. */
export type Target = Readonly<Record<string, number>>

export interface Row<Workload extends string = string> {
  readonly title: string
  readonly workload: Workload
  readonly unit: string
  /** The figure that is compared. Undefined where the sample does not have it. */
  readonly figure: (sample: Sample) => number | undefined
  /** More is better; otherwise less is. */
  readonly more?: boolean
  readonly ship: Target
  readonly moonshot: Target
  /** Targets are limits of the figure itself, under the name `limit`. */
  readonly absolute?: boolean
}

/** A table: its rows, whose figures are judged, and why a target is missed (by the title of the row). */
export interface Yardsticks {
  readonly ours: string
  readonly rows: readonly Row[]
  readonly reasons: Readonly<Record<string, string>>
}

export const NONE: Target = {}

/** CPU time of the whole process for one operation. */
export const inCpu = {
  unit: 'CPU us',
  figure: ({ cpuUs, operations }: Sample): number => cpuUs / operations,
}
