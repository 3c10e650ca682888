import type { FaultMedium, Medium } from '@vivefs/media'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'

/** For tests with two writers: holding one before any of its media operations, work with a list of what was acknowledged. */

const OPERATIONS = [
  'append',
  'reset',
  'finish',
  'flush',
  'createOnce',
  'readKey',
  'listKeys',
  'deleteKey',
  'read',
  'report',
] as const
const SYNCHRONOUS = ['appendSync', 'readSync', 'flushSync', 'finishSync', 'resetSync'] as const

export interface Stall {
  readonly reached: Promise<void>
  readonly go: () => void
  /** Operations so far; below the one to hold when the writer came to an end before. */
  readonly count: () => number
}

/** Holds the nth operation of a medium until `go`. Synchronous operations are taken away: they cannot be held. */
export function stallAt(medium: FaultMedium, nth: number): Stall {
  let seen = 0
  let go = () => {}
  let arrived = () => {}
  const reached = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  const target = medium as unknown as Record<string, ((...args: unknown[]) => Promise<unknown>) | undefined>
  for (const name of SYNCHRONOUS) target[name] = undefined
  for (const name of OPERATIONS) {
    const before = target[name]
    if (before === undefined) continue
    target[name] = async (...args: unknown[]) => {
      if (++seen === nth) {
        arrived()
        await gate
      }
      return before.apply(medium, args)
    }
  }
  return { reached, go, count: () => seen }
}

/** Texts of files by name, as acknowledged. */
export type Acknowledged = Map<string, string>

/** Makes small files and deletes every third; what returned is acknowledged. */
export async function work(volume: Volume, who: string, files: number, acknowledged: Acknowledged): Promise<void> {
  for (let i = 0; i < files; i++) {
    const name = `${who}${i}`
    const file = await runAsync(volume.create({ name, media: ['o'] }))
    await runAsync(file.append([Buffer.from(`${name} one`)]))
    await runAsync(file.sync())
    acknowledged.set(name, `${name} one`)
    if (i % 3 === 1) {
      // From here on it may be gone.
      acknowledged.delete(`${who}${i - 1}`)
      await runAsync(volume.delete(`${who}${i - 1}`))
      await runAsync(volume.sync())
    }
  }
}

/** As {@link work}; false when a newer writer was met. */
export async function workUnlessFenced(
  volume: Volume,
  who: string,
  files: number,
  acknowledged: Acknowledged,
): Promise<boolean> {
  try {
    await work(volume, who, files, acknowledged)
    return true
  } catch (error) {
    if (!isPfaofError(error, 'PFAOF_FENCED')) throw error
    return false
  }
}

/** What of `acknowledged` a fresh opening of the volume does not show. */
export async function missing(medium: Medium, acknowledged: Acknowledged): Promise<string[]> {
  const volume = await Volume.open({ media: { o: medium }, holder: 'judge' })
  const lost: string[] = []
  for (const [name, text] of acknowledged) {
    try {
      const file = await runAsync(volume.open(name))
      const into = Buffer.alloc(file.size)
      await runAsync(file.read(0, into))
      if (into.toString() !== text) lost.push(`${name} reads ${JSON.stringify(into.toString())}`)
    } catch (error) {
      lost.push(`${name}: ${String(error)}`)
    }
  }
  await volume.close()
  return lost
}
