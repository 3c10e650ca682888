import type { MediumSpec } from '@vivefs/media'
import Table from 'cli-table3'
import { namedPolicy } from '../policy/named-policy.ts'
import { type SimulationReport, simulate } from '../simulate/simulate.ts'
import { readTrace, TRACE_HEADER, WORKLOADS } from '../simulate/trace.ts'
import { closeMedia, type MediaFile, mediaFileOf, openMedia } from '../storage/media-file.ts'
import { mapText } from './map.ts'
import type { CommonOptions, Output } from './program.ts'
import { sizeText } from './text.ts'

export interface SimulateCommandOptions extends CommonOptions {
  readonly policy: string
  readonly trace: string
  readonly media?: string
}

const GIB = 1 << 30
/** A memory medium that costs what a fast SSD does. */
const NVME = { seekMs: 0.02, readMBps: 3000, writeMBps: 2000, streamMBpsMin: 0, mountMs: 0 }

/** What stands in where no media are described: simulators of one each. */
const MEDIA: MediaFile = {
  media: {
    dram: { kind: 'memory', zoneCount: 64, zoneBytes: 4 << 20 },
    nvme: { kind: 'zns', zoneCount: 256, zoneBytes: 4 << 20, cost: NVME },
    smr: { kind: 'smr', zoneCount: 512, zoneBytes: 4 << 20, conventionalZones: 0 },
    tape: { kind: 'tape', zoneCount: 1024, zoneBytes: 4 << 20 },
  },
  home: ['nvme'],
}

/** Rough prices of the medium alone, in US dollars for a GiB; a description may say better: `"pricePerGiB": 0.05`. */
const PRICES: Readonly<Record<string, number>> = {
  memory: 3,
  pool: 3,
  directory: 0.08,
  block: 0.08,
  zns: 0.08,
  zonefs: 0.015,
  smr: 0.015,
  tape: 0.005,
  'tape-drive': 0.005,
  object: 0.023,
}

function priceOf(name: string, { media }: MediaFile): number {
  const spec: MediumSpec | undefined = media[name]
  const own = spec?.pricePerGiB
  return typeof own === 'number' ? own : (PRICES[spec?.kind ?? ''] ?? 0)
}

/** Replays a trace on simulated media under a policy, and prints what it cost. */
export async function simulateCommand(o: SimulateCommandOptions, output: Output): Promise<void> {
  const policy = await namedPolicy(o.policy)
  const file = o.media === undefined ? MEDIA : mediaFileOf(o.media)
  const media = await openMedia(file, false)
  try {
    const report = await simulate({ media, home: file.home, policy, operations: readTrace(o.trace) })
    const cost = (name: string, liveBytes: number) => (liveBytes / GIB) * priceOf(name, file)
    if (o.json === true) {
      const priced = report.media.map((one) => ({ ...one, dollars: cost(one.name, one.liveBytes) }))
      output.line(JSON.stringify({ ...report, media: priced }))
    } else for (const line of reportLines(report, cost)) output.line(line)
  } finally {
    await closeMedia(media)
  }
}

const msText = (ms: number) =>
  ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms < 0.1 ? ms.toFixed(3) : ms.toFixed(1)} ms`

function reportLines(report: SimulationReport, cost: (name: string, liveBytes: number) => number): string[] {
  const head = [
    'medium',
    'written',
    'read',
    'live',
    'cost',
    'busy',
    'seeks',
    'resets',
    'append p50 / p99',
    'read p50 / p99',
  ]
  const table = new Table({ head, style: { head: [], border: [] } })
  for (const one of report.media) {
    const { name, appendMs, readMs } = one
    table.push([
      name,
      sizeText(one.bytesWritten),
      sizeText(one.bytesRead),
      sizeText(one.liveBytes),
      `$${cost(name, one.liveBytes).toFixed(4)}`,
      msText(one.busyMs),
      one.seeks,
      `${one.resets}, most ${one.resetsMax}`,
      `${msText(appendMs.p50)} / ${msText(appendMs.p99)}`,
      `${msText(readMs.p50)} / ${msText(readMs.p99)}`,
    ])
  }
  const { operations, elapsedMs, bytesPut, writeAmplification, getMs } = report
  return [
    `${operations} operations in ${msText(elapsedMs)} of the model; ${sizeText(bytesPut)} put, ${writeAmplification.toFixed(2)} bytes written for each`,
    `reads waited ${msText(getMs.p50)} (half), ${msText(getMs.p99)} (99 of 100), ${msText(getMs.max)} (longest)`,
    table.toString(),
    mapText(report.map),
  ]
}

export interface TraceCommandOptions {
  readonly workload: string
  readonly count: string
  readonly value: string
  readonly seed: string
}

/** Prints a trace to replay. */
export function traceCommand(o: TraceCommandOptions, output: Output): void {
  const workload = WORKLOADS[o.workload]
  if (workload === undefined) throw new Error(`--workload is one of ${Object.keys(WORKLOADS).join(', ')}`)
  const [count, valueBytes, seed] = [Number(o.count), Number(o.value), Number(o.seed)]
  if (![count, valueBytes, seed].every((number) => Number.isSafeInteger(number) && number >= 0))
    throw new Error('--count, --value and --seed are whole numbers')
  output.line(JSON.stringify(TRACE_HEADER))
  for (const operation of workload({ count, valueBytes, seed })) output.line(JSON.stringify(operation))
}
