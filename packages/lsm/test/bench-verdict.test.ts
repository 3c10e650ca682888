/** What bench:kv says of measurements: medians, ratios, targets. */
import { expect, test } from 'vitest'
import type { Sample } from '../../../tools/bench/measure.ts'
import { judge as judgeRows, type Measured, median, summarize } from '../../../tools/bench/verdict.ts'
import type { Workload } from '../bench/kv/workloads.ts'
import { YARDSTICKS } from '../bench/kv/yardsticks.ts'

const judge = (of: Measured) => judgeRows(YARDSTICKS, of)

const sample = (cpuUs: number, more: Partial<Sample> = {}): Sample => ({
  operations: 10,
  cpuUs,
  wallUs: cpuUs,
  ...more,
})

function measured(figures: Record<string, Partial<Record<Workload, Sample[]>>>): Measured {
  return new Map(
    Object.entries(figures).map(([peer, of]) => [peer, new Map(Object.entries(of)) as Map<Workload, Sample[]>]),
  )
}

const rowOf = (of: Measured, title: string) => judge(of).find((row) => row.title === title)!

test('the median of rounds, of an even number too', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
})

test('less CPU is better; a target is met when every peer it names is beaten by as much', () => {
  const fill = (ours: number, lmdb: number) =>
    rowOf(
      measured({
        lsm: { fill: [sample(ours)] },
        'classic-level': { fill: [sample(400), sample(10), sample(500)] },
        lmdb: { fill: [sample(lmdb)] },
      }),
      'fillrandom 100 B, batches of 1000, burst',
    )
  const good = fill(100, 200)
  expect(good.cells.find(({ peer }) => peer === 'classic-level')).toMatchObject({ median: 40, ratio: 4 })
  expect(good).toMatchObject({ ship: 'met', moonshot: 'missed', moonshotShare: 0.5, reason: undefined })
  expect(fill(100, 199).ship).toBe('missed')
  expect(fill(100, 400)).toMatchObject({ ship: 'met', moonshot: 'met', moonshotShare: 1 })
  expect(fill(300, 900).reason).toBeTypeOf('string')
})

test('more per second is better', () => {
  const row = rowOf(
    measured({ lsm: { syncedOne: [sample(100)] }, 'classic-level': { syncedOne: [sample(125)] } }),
    'one synced put at a time',
  )
  expect(row).toMatchObject({ ship: 'met', moonshot: 'missed' })
  expect(row.cells[1]).toMatchObject({ median: 80_000, ratio: 1.25 })
})

test('a limit is one of our own figure', () => {
  const written = (bytes: number) =>
    rowOf(
      measured({ lsm: { bigFill: [sample(1, { writtenBytes: bytes, userBytes: 100 })] } }),
      '64 KiB values: bytes written per user byte',
    )
  expect(written(110)).toMatchObject({ ship: 'met', moonshot: 'missed' })
  expect(written(111)).toMatchObject({ ship: 'missed' })
  expect(written(104)).toMatchObject({ moonshot: 'met' })
})

test('what was not measured is not judged', () => {
  const alone = judge(measured({ lsm: { fill: [sample(100)] } }))
  expect(alone.every(({ ship }) => ship === 'not measured' || ship === 'no target')).toBe(true)
  expect(summarize(alone)).toEqual({ judged: 0, met: 0, moonshots: 0, moonshotShare: undefined })
  expect(judge(measured({})).every(({ cells }) => cells.length === 0)).toBe(true)
})
