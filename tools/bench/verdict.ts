/** Medians, ratios and what they say of the targets. */
import type { Sample } from './measure.ts'
import type { Row, Target, Yardsticks } from './row.ts'

/** Samples of every round, by peer and workload. */
export type Measured = Map<string, Map<string, Sample[]>>

export interface Cell {
  readonly peer: string
  readonly median: number
  readonly rounds: readonly number[]
  /** Wall time of one operation, median. */
  readonly wallUs: number
  /** How many times better ours is; undefined for ours and where ours is missing. */
  readonly ratio: number | undefined
}

export type Standing = 'met' | 'missed' | 'not measured' | 'no target'

export interface RowVerdict {
  readonly title: string
  readonly unit: string
  readonly cells: readonly Cell[]
  readonly ship: Standing
  readonly moonshot: Standing
  /** The smallest share of a moonshot target that is reached: 1 and more is all of it. */
  readonly moonshotShare: number | undefined
  readonly shipTarget: Target
  readonly moonshotTarget: Target
  /** Why ship is missed. */
  readonly reason: string | undefined
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function cellsOf(row: Row, measured: Measured, us: string): Cell[] {
  const found: { peer: string; median: number; rounds: number[]; wallUs: number }[] = []
  for (const [peer, workloads] of measured) {
    const samples = workloads.get(row.workload) ?? []
    const rounds = samples.map(row.figure).filter((figure) => figure !== undefined)
    if (rounds.length === 0) continue
    const wallUs = median(samples.map((sample) => sample.wallUs / sample.operations))
    found.push({ peer, median: median(rounds), rounds, wallUs })
  }
  const ours = found.find(({ peer }) => peer === us)?.median
  return found.map((cell) => {
    if (ours === undefined || cell.peer === us) return { ...cell, ratio: undefined }
    return { ...cell, ratio: row.more === true ? ours / cell.median : cell.median / ours }
  })
}

/** The smallest share of the targets that is reached; undefined when one of them cannot be told. */
function shareOf(target: Target, row: Row, cells: readonly Cell[], us: string): number | undefined {
  const shares = Object.entries(target).map(([peer, wanted]) => {
    if (row.absolute === true) {
      const ours = cells.find((cell) => cell.peer === us)?.median
      return ours === undefined ? undefined : wanted / ours
    }
    const ratio = cells.find((cell) => cell.peer === peer)?.ratio
    return ratio === undefined ? undefined : ratio / wanted
  })
  const known = shares.filter((share) => share !== undefined)
  return known.length === 0 || known.length < shares.length ? undefined : Math.min(...known)
}

function standing(target: Target, share: number | undefined): Standing {
  if (Object.keys(target).length === 0) return 'no target'
  if (share === undefined) return 'not measured'
  return share >= 1 ? 'met' : 'missed'
}

export function judge({ ours, rows, reasons }: Yardsticks, measured: Measured): RowVerdict[] {
  return rows.map((row) => {
    const cells = cellsOf(row, measured, ours)
    const ship = standing(row.ship, shareOf(row.ship, row, cells, ours))
    const moonshotShare = shareOf(row.moonshot, row, cells, ours)
    return {
      title: row.title,
      unit: row.unit,
      cells,
      ship,
      moonshot: standing(row.moonshot, moonshotShare),
      moonshotShare,
      shipTarget: row.ship,
      moonshotTarget: row.moonshot,
      reason: ship === 'missed' ? (reasons[row.title] ?? 'no reason is recorded beside the yardsticks') : undefined,
    }
  })
}

export interface Summary {
  /** Rows whose ship target could be judged, and those of them that reach it. */
  readonly judged: number
  readonly met: number
  readonly moonshots: number
  /** Geometric mean of the shares of the moonshot targets, each at most 1. */
  readonly moonshotShare: number | undefined
}

export function summarize(verdicts: readonly RowVerdict[]): Summary {
  const judged = verdicts.filter(({ ship }) => ship === 'met' || ship === 'missed')
  const shares = verdicts.map(({ moonshotShare }) => moonshotShare).filter((share) => share !== undefined)
  const logs = shares.map((share) => Math.log(Math.min(1, share)))
  return {
    judged: judged.length,
    met: judged.filter(({ ship }) => ship === 'met').length,
    moonshots: verdicts.filter(({ moonshot }) => moonshot === 'met').length,
    moonshotShare: logs.length === 0 ? undefined : Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length),
  }
}

/** A target in words: "2x classic-level, 2x lmdb". */
export function targetText(target: Target): string {
  return Object.entries(target)
    .map(([peer, wanted]) => (peer === 'limit' ? `at most ${wanted}` : `${wanted}x ${peer}`))
    .join(', ')
}
