import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** One measurement of one workload. */
export interface Sample {
  readonly operations: number
  /** Of the whole process, threads included. */
  readonly cpuUs: number
  readonly wallUs: number
  /** Handed to the operating system by write calls, until the database was closed; undefined where that is not counted. */
  writtenBytes?: number | undefined
  /** What the files take on disk after closing. */
  spaceBytes?: number | undefined
  /** Keys and values. */
  userBytes?: number | undefined
}

/** Runs `work`, which returns how many operations it made. */
export async function measure(work: () => Promise<number>): Promise<Sample> {
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  const operations = await work()
  const wallUs = Number(process.hrtime.bigint() - start) / 1e3
  const { user, system } = process.cpuUsage(cpu)
  return { operations, cpuUs: user + system, wallUs }
}

const REST_MS = 100
/** CPU time in it that is not work. */
const REST_CPU_US = 3000
/** Times in a row. */
const RESTS = 3
const RESTS_MAX = 300

/**
 * Waits until this process rests, threads included: until what a database does in the background is done, whichever it is and however it
 * does that, and until what was written before is on the disk. Gives up after half a minute.
 */
export async function settled(): Promise<void> {
  // Node has no call for it. Where there is no such command the next flush may have to wait for the pages of the work before.
  await new Promise<void>((resolve) => execFile('sync', () => resolve()))
  for (let rests = 0, i = 0; rests < RESTS && i < RESTS_MAX; i++) {
    const cpu = process.cpuUsage()
    await delay(REST_MS)
    const { user, system } = process.cpuUsage(cpu)
    rests = user + system < REST_CPU_US ? rests + 1 : 0
  }
}

/**
 * Bytes that this process has given to write calls so far (`wchar`). `write_bytes` would count pages as they become dirty: a page
 * written twice before it reaches the disk counts once there, and a log of small appends looks free.
 */
export function writtenBytes(): number | undefined {
  try {
    const line = /^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))
    return line === null ? undefined : Number(line[1])
  } catch {
    // Only Linux has it.
    return undefined
  }
}
