import { readFileSync } from 'node:fs'

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

/**
 * The same, after one run that does not count: code is optimized in place. A collection forced in between would throw
 * optimized code away.
 */
export async function measureWarm(work: () => Promise<number>): Promise<Sample> {
  await work()
  return measure(work)
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
