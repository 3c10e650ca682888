/**
 * Zone commands of a raw zoned device by the standard program `blkzone` (util-linux). A command costs tens of
 * milliseconds, so what is asked in one turn of the event loop goes out together: one command for each run of
 * neighbouring zones.
 */
import type { ZoneState } from '../medium.ts'
import { runCommand, runCommandNow } from './command.ts'

const SECTOR_BYTES = 512

/** One line of `blkzone report`; bytes. */
export interface DeviceZone {
  readonly start: number
  readonly bytes: number
  readonly capacityBytes: number
  /** From the zone's start. */
  readonly pointer: number
  readonly state: ZoneState
  readonly conventional: boolean
}

/** Conditions as the kernel's `enum blk_zone_cond` numbers them. */
const STATES: Readonly<Record<number, ZoneState>> = {
  0: 'empty',
  1: 'empty',
  2: 'open',
  3: 'open',
  4: 'closed',
  13: 'read-only',
  14: 'full',
  15: 'offline',
}
const CONVENTIONAL = 1
const LINE =
  /start:\s*0x([0-9a-f]+),\s*len\s*0x([0-9a-f]+),(?:\s*cap\s*0x([0-9a-f]+),)?\s*wptr\s*0x([0-9a-f]+).*zcond:\s*(\d+).*type:\s*(\d+)/i

/** All zones of a report; lines that are none are left out. */
export function parseReport(text: string): DeviceZone[] {
  const zones: DeviceZone[] = []
  for (const line of text.split('\n')) {
    const match = LINE.exec(line)
    if (match === null) continue
    const bytes = (hex: string) => Number.parseInt(hex, 16) * SECTOR_BYTES
    const length = bytes(match[2]!)
    // Before util-linux 2.37 capacity was not printed, and size is what there is.
    const capacityBytes = match[3] === undefined ? length : bytes(match[3])
    const state = STATES[Number(match[5])] ?? 'offline'
    const pointer = state === 'full' ? capacityBytes : Math.min(bytes(match[4]!), capacityBytes)
    const conventional = Number(match[6]) === CONVENTIONAL
    zones.push({ start: bytes(match[1]!), bytes: length, capacityBytes, pointer, state, conventional })
  }
  return zones
}

/** What is on the device now. */
export const reportZones = async (path: string): Promise<DeviceZone[]> =>
  parseReport(await runCommand('blkzone', ['report', path]))

export type ZoneCommand = 'open' | 'close' | 'finish' | 'reset'

interface Waiting {
  readonly zone: DeviceZone
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** `-f`: this process holds the device open, so that nobody else does. */
const argumentsOf = (command: ZoneCommand, path: string, zone: DeviceZone, count: number): string[] => [
  command,
  '-f',
  '-o',
  String(zone.start / SECTOR_BYTES),
  '-c',
  String(count),
  path,
]

export class ZoneCommands {
  readonly #path: string
  readonly #waiting = new Map<ZoneCommand, Waiting[]>()
  /** Commands that were run, for tests of the batching. */
  count = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Joins the batch of this turn. */
  request(command: ZoneCommand, zone: DeviceZone): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(command)
      if (waiting !== undefined) {
        waiting.push({ zone, resolve, reject })
        return
      }
      const batch: Waiting[] = [{ zone, resolve, reject }]
      this.#waiting.set(command, batch)
      setImmediate(() => {
        this.#waiting.delete(command)
        void this.#run(command, batch)
      })
    })
  }

  async #run(command: ZoneCommand, batch: Waiting[]): Promise<void> {
    batch.sort((a, b) => a.zone.start - b.zone.start)
    for (let first = 0; first < batch.length; ) {
      let end = first + 1
      while (end < batch.length && batch[end]!.zone.start === batch[end - 1]!.zone.start + batch[end - 1]!.zone.bytes) {
        end++
      }
      const run = batch.slice(first, end)
      first = end
      this.count++
      try {
        await runCommand('blkzone', argumentsOf(command, this.#path, run[0]!.zone, run.length))
        for (const { resolve } of run) resolve()
      } catch (error) {
        for (const { reject } of run) reject(error)
      }
    }
  }

  /** At once, while everything waits. */
  now(command: ZoneCommand, zone: DeviceZone): void {
    this.count++
    runCommandNow('blkzone', argumentsOf(command, this.#path, zone, 1))
  }
}
