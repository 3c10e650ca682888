import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { SeededRandom } from '@vivefs/media'

/*
 * A trace: JSON lines. The first one is {"trace":"vivelsm","version":1}; each other one is an operation:
 *
 *   {"op":"put","key":"user/7","bytes":120}     a value of so many bytes
 *   {"op":"del","key":"user/7"}
 *   {"op":"get","key":"user/7"}
 *   {"op":"scan","from":"user/","limit":100}
 *   {"op":"sync"}
 *   {"op":"wait","ms":3600000}                  nothing happens for so long: data grows old
 *
 * `at` in any of them: milliseconds since the start of the trace, at which it happens at the earliest.
 */

export type TraceOperation = { readonly at?: number } & (
  | { readonly op: 'put'; readonly key: string; readonly bytes: number }
  | { readonly op: 'del' | 'get'; readonly key: string }
  | { readonly op: 'scan'; readonly from: string; readonly limit: number }
  | { readonly op: 'sync' }
  | { readonly op: 'wait'; readonly ms: number }
)

export const TRACE_HEADER = { trace: 'vivelsm', version: 1 } as const
const VALUE_BYTES_MAX = 64 << 20

/** One line; the verdict is the operation or what is wrong with it. */
export function decodeOperation(line: string): TraceOperation | { fault: string } {
  let read: unknown
  try {
    read = JSON.parse(line)
  } catch {
    return { fault: 'it is no JSON' }
  }
  const o = (read ?? {}) as Record<string, unknown>
  const whole = (name: string, most: number) =>
    Number.isSafeInteger(o[name]) && (o[name] as number) >= 0 && (o[name] as number) <= most
  const text = (name: string) => typeof o[name] === 'string' && o[name] !== ''
  if (o.at !== undefined && !(typeof o.at === 'number' && o.at >= 0)) return { fault: 'at is no number from 0' }
  switch (o.op) {
    case 'put':
      if (!text('key') || !whole('bytes', VALUE_BYTES_MAX)) return { fault: 'put needs key and bytes' }
      break
    case 'del':
    case 'get':
      if (!text('key')) return { fault: `${o.op} needs a key` }
      break
    case 'scan':
      if (!text('from') || !whole('limit', 1e9)) return { fault: 'scan needs from and limit' }
      break
    case 'wait':
      if (!(typeof o.ms === 'number' && o.ms >= 0)) return { fault: 'wait needs ms' }
      break
    case 'sync':
      break
    default:
      return { fault: `unknown operation ${String(o.op)}` }
  }
  return o as unknown as TraceOperation
}

/** The operations of a file, one after the other. Throws what is wrong with which line. */
export async function* readTrace(path: string): AsyncGenerator<TraceOperation> {
  let number = 0
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++
    if (number === 1) {
      checkHeader(path, line)
      continue
    }
    if (line.trim() === '') continue
    const operation = decodeOperation(line)
    if ('fault' in operation) throw new Error(`${path}, line ${number}: ${operation.fault}`)
    yield operation
  }
  if (number === 0) throw new Error(`${path} is empty; a trace starts with ${JSON.stringify(TRACE_HEADER)}`)
}

function checkHeader(path: string, line: string): void {
  const expected = JSON.stringify(TRACE_HEADER)
  let version: unknown
  try {
    const header = JSON.parse(line) as { trace?: unknown; version?: unknown }
    if (header.trace === TRACE_HEADER.trace) version = header.version
  } catch {
    // told below
  }
  if (version === undefined) throw new Error(`${path}: the first line of a trace is ${expected}`)
  if (version !== TRACE_HEADER.version) throw new Error(`${path}: trace version ${String(version)}; this code knows 1`)
}

export interface WorkloadOptions {
  readonly count: number
  readonly valueBytes: number
  readonly seed: number
}

const HOUR_MS = 3_600_000

/** `fill`: new keys in no order. `mixed`: half reads, skewed, half writes over a set of keys. `archive`: days of new data, of which old is rarely read. */
export const WORKLOADS: Readonly<Record<string, (o: WorkloadOptions) => Generator<TraceOperation>>> = {
  *fill({ count, valueBytes, seed }) {
    const random = new SeededRandom(seed)
    for (let i = 0; i < count; i++) yield { op: 'put', key: keyOf(random.next(), count * 4), bytes: valueBytes }
  },
  *mixed({ count, valueBytes, seed }) {
    const random = new SeededRandom(seed)
    for (let i = 0; i < count; i++) {
      const key = keyOf(random.next() ** 3, count)
      if (i < count / 4 || random.next() < 0.5) yield { op: 'put', key, bytes: valueBytes }
      else if (random.next() < 0.05) yield { op: 'scan', from: key, limit: 50 }
      else yield { op: 'get', key }
    }
  },
  *archive({ count, valueBytes, seed }) {
    const random = new SeededRandom(seed)
    const days = 60
    for (let day = 0; day < days; day++) {
      const today = Math.ceil(count / days)
      for (let i = 0; i < today; i++) {
        yield { op: 'put', key: `day ${String(day).padStart(4, '0')}/${String(i).padStart(8, '0')}`, bytes: valueBytes }
        if (i % 10 !== 0) continue
        const back = Math.floor(day * (1 - random.next() ** 0.2))
        const n = Math.floor(random.next() * today)
        yield { op: 'get', key: `day ${String(day - back).padStart(4, '0')}/${String(n).padStart(8, '0')}` }
      }
      yield { op: 'wait', ms: 24 * HOUR_MS }
    }
  },
}

function keyOf(share: number, keys: number): string {
  return `key ${String(Math.floor(share * keys)).padStart(10, '0')}`
}
