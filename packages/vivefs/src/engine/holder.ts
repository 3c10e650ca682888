/**
 * Who has a volume open. The database's own lock decides; this file only gives the holder a name for the error that the
 * second writer gets: process id, its start time (ids are reused), boot id (so are they after a restart), host.
 */
import { readFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'

export interface Holder {
  readonly pid: number
  /** Clock ticks from boot to the start of the process; undefined where the system does not tell. */
  readonly startTicks?: number
  readonly bootId?: string
  readonly host: string
  /** When the volume was opened, ISO 8601. */
  readonly since: string
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** This process as a holder. */
export function thisHolder(): Holder {
  const bootId = readText('/proc/sys/kernel/random/boot_id')?.trim()
  // Field 22 of proc(5) stat; the command before it may hold spaces and parentheses.
  const ticks = readText('/proc/self/stat')?.replace(/^.*\)/s, '').trim().split(' ')[19]
  return {
    pid: process.pid,
    ...(ticks === undefined ? {} : { startTicks: Number(ticks) }),
    ...(bootId === undefined ? {} : { bootId }),
    host: hostname(),
    since: new Date().toISOString(),
  }
}

export const writeHolder = (path: string): Promise<void> => writeFile(path, `${JSON.stringify(thisHolder())}\n`)

export const removeHolder = (path: string): Promise<void> => rm(path, { force: true })

/** Who wrote the file, or undefined when nobody readable did. */
export async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'))
    return typeof holder === 'object' && holder !== null && 'pid' in holder ? (holder as Holder) : undefined
  } catch {
    return undefined
  }
}
