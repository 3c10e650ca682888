/** The rows of the key-value table: what is compared, and where we want to stand. */
import type { Sample } from '../../../../tools/bench/measure.ts'
import { inCpu, NONE, type Row, type Yardsticks } from '../../../../tools/bench/row.ts'
import { REASONS } from './misses.ts'
import { OVERWRITES, type Workload } from './workloads.ts'

const perSecond = ({ wallUs, operations }: Sample) => (operations / wallUs) * 1e6
const written = ({ writtenBytes, userBytes }: Sample) =>
  writtenBytes === undefined || userBytes === undefined ? undefined : writtenBytes / userBytes
const space = ({ spaceBytes, userBytes }: Sample) =>
  spaceBytes === undefined || userBytes === undefined ? undefined : spaceBytes / userBytes

const ROWS: readonly Row<Workload>[] = [
  {
    title: 'fillrandom 100 B, batches of 1000, burst',
    workload: 'fill',
    ...inCpu,
    ship: { 'classic-level': 2, lmdb: 2 },
    moonshot: { 'classic-level': 3, lmdb: 4 },
  },
  {
    title: 'fillrandom 100 B, sustained',
    workload: 'sustained',
    ...inCpu,
    ship: { 'classic-level': 0.8 },
    moonshot: { 'classic-level': 1.5 },
  },
  {
    title: 'awaited single put',
    workload: 'putAwaited',
    ...inCpu,
    ship: { 'classic-level': 5 },
    moonshot: { 'classic-level': 15 },
  },
  {
    title: 'getSync, hot',
    workload: 'getSync',
    ...inCpu,
    ship: { 'classic-level': 1.3, lmdb: 0.9 },
    moonshot: { 'classic-level': 2.5, lmdb: 1.5 },
  },
  {
    title: 'awaited get, hot',
    workload: 'get',
    ...inCpu,
    ship: { 'classic-level': 10, lmdb: 0.8 },
    moonshot: { 'classic-level': 30, lmdb: 1.5 },
  },
  {
    title: 'readseq, per entry',
    workload: 'scan',
    ...inCpu,
    ship: { 'classic-level': 2.5, lmdb: 1.3 },
    moonshot: { 'classic-level': 5, lmdb: 2.5 },
  },
  {
    title: 'seekrandom',
    workload: 'seek',
    ...inCpu,
    ship: { 'classic-level': 5, lmdb: 1 },
    moonshot: { 'classic-level': 12, lmdb: 2 },
  },
  {
    title: '64 KiB values: fill',
    workload: 'bigFill',
    ...inCpu,
    ship: { 'classic-level': 5, lmdb: 0.7 },
    moonshot: { 'classic-level': 10, lmdb: 1.2 },
  },
  {
    title: '64 KiB values: getSync',
    workload: 'bigGetSync',
    ...inCpu,
    ship: { 'classic-level': 1 },
    moonshot: { 'classic-level': 1.5 },
  },
  {
    title: '64 KiB values: bytes written per user byte',
    workload: 'bigFill',
    unit: 'bytes',
    figure: written,
    absolute: true,
    ship: { limit: 1.1 },
    moonshot: { limit: 1.05 },
  },
  {
    title: '256 KiB values, one a commit: bytes written per user byte',
    workload: 'hugeFill',
    unit: 'bytes',
    figure: written,
    absolute: true,
    ship: { limit: 1.05 },
    moonshot: { limit: 1.02 },
  },
  {
    title: '64 KiB values overwritten three times: space per byte alive',
    workload: 'overwrite',
    unit: 'bytes',
    figure: (sample) => {
      const used = space(sample)
      return used === undefined ? undefined : used * (1 + OVERWRITES)
    },
    absolute: true,
    ship: { limit: 1.5 },
    moonshot: { limit: 1.2 },
  },
  {
    title: '64 KiB values overwritten three times: bytes written per user byte',
    workload: 'overwrite',
    unit: 'bytes',
    figure: written,
    ship: NONE,
    moonshot: NONE,
  },
  {
    title: '64 concurrent synced puts',
    workload: 'syncedMany',
    unit: 'per second',
    figure: perSecond,
    more: true,
    ship: { 'classic-level': 2 },
    moonshot: { lmdb: 1 },
  },
  {
    title: 'one synced put at a time',
    workload: 'syncedOne',
    unit: 'per second',
    figure: perSecond,
    more: true,
    ship: { 'classic-level': 1 },
    moonshot: { 'classic-level': 1.5 },
  },
  {
    title: '100 B, sustained: bytes written per user byte',
    workload: 'sustained',
    unit: 'bytes',
    figure: written,
    ship: NONE,
    moonshot: NONE,
  },
  {
    title: '100 B, sustained: space used per user byte',
    workload: 'sustained',
    unit: 'bytes',
    figure: space,
    ship: NONE,
    moonshot: NONE,
  },
]

export const YARDSTICKS: Yardsticks = { ours: 'lsm', rows: ROWS, reasons: REASONS }
