/** Fixed traces for power cuts: each drives the database through what its name says. */
import { SeededRandom } from '@vivefs/media'
import type { Step } from '../model/oracle.ts'
import type { TraceStep } from './harness.ts'

const put = (n: number, bytes = 100): Step => ({ type: 'put', key: `k${n % 17}`, value: `${n}:${'x'.repeat(bytes)}` })
const batch = (n: number, more: { sync?: boolean; now?: boolean; bytes?: number } = {}): TraceStep => ({
  do: 'batch',
  steps: [put(n, more.bytes), { type: 'del', key: `k${(n * 5) % 17}` }, { type: 'merge', key: 'm', value: `+${n}` }],
  ...(more.sync === undefined ? {} : { sync: more.sync }),
  ...(more.now === undefined ? {} : { now: more.now }),
})
const times = (count: number, make: (i: number) => TraceStep): TraceStep[] =>
  Array.from({ length: count }, (_, i) => make(i))

export const TRACES: Readonly<Record<string, readonly TraceStep[]>> = {
  'synced and unsynced writes': times(12, (i) => batch(i, { sync: i % 3 === 0, now: i % 2 === 0 })),
  'logs change and memtables are flushed': times(60, (i) => batch(i, { bytes: 400, sync: i % 20 === 19 })),
  'flush and compaction': [
    ...times(10, (i) => batch(i)),
    { do: 'flush' },
    ...times(10, (i) => batch(i + 10)),
    { do: 'flush' },
    { do: 'deleteRange', from: 'k1', to: 'k15' },
    { do: 'compact' },
    ...times(5, (i) => batch(i + 20)),
  ],
  'closing and opening': [
    ...times(4, (i) => batch(i)),
    { do: 'reopen' },
    ...times(4, (i) => batch(i + 4)),
    { do: 'reopen' },
  ],
  'kept snapshots': [
    ...times(3, (i) => batch(i)),
    { do: 'keep', name: 'one' },
    ...times(3, (i) => batch(i + 3)),
    { do: 'drop', name: 'one' },
    { do: 'syncLog' },
    ...times(3, (i) => batch(i + 6)),
  ],
}

/** A trace of random steps. */
export function randomTrace(seed: number, length: number): TraceStep[] {
  const random = new SeededRandom(seed)
  return times(length, (i) => {
    const roll = random.below(100)
    if (roll < 80) return batch(random.below(1e6), { sync: roll < 10, now: roll % 2 === 0, bytes: random.below(600) })
    if (roll < 85) return { do: 'deleteRange', from: `k${random.below(9)}`, to: `k${random.below(9)}z` }
    if (roll < 92) return { do: 'flush' }
    if (roll < 94) return { do: 'compact' }
    if (roll < 97) return { do: 'syncLog' }
    return i % 2 === 0 ? { do: 'reopen' } : { do: 'flush' }
  })
}
