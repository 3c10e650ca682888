import { createHash } from 'node:crypto'
import type { Medium } from '@vivefs/media'
import { type Recovered, readRecovered } from '../src/conformance/oracle.ts'
import { isPfaofError, Volume } from '../src/index.ts'
import { type Contents, type Cut, closeAll, contentsOf, mediaHolding, recoverUntilCut } from './crash.ts'

/**
 * Recovers what power cuts leave, each distinct content once. Recovery depends on nothing but the bytes on the media, so contents
 * with the same digest end in the same volume: most cuts between two flushes leave one and the same, and only the oracle, which is
 * asked every time, has moved on.
 */

/** What opening the volume came to; one object for all contents that end alike. */
export interface Outcome {
  /** Undefined: it did not open. */
  readonly recovered: Recovered | undefined
  readonly error: unknown
  /** PFAOF code of the error. */
  readonly code: string | undefined
}

/** An outcome and where it was first met. */
export interface Found {
  readonly outcome: Outcome
  readonly where: string
}

interface Crashes {
  readonly found: readonly Found[]
  readonly points: number
}

export class CrashExplorer {
  /** Power cuts looked at, contents that differed, recoveries that were cut off themselves, and points in which they were. */
  readonly counts = { cuts: 0, distinct: 0, recoveryCuts: 0, recoveryPoints: 0, recoveriesCrashed: 0 }
  readonly #like: Readonly<Record<string, Medium>>
  readonly #byDigest: Map<string, Outcome> = new Map()
  readonly #outcomes: Map<string, Outcome> = new Map()
  readonly #crashes: Map<string, Crashes> = new Map()

  /** @param like media of the kind and identity that contents belong to; they stay the caller's. */
  constructor(like: Readonly<Record<string, Medium>>) {
    this.#like = like
  }

  /** What the volume is after recovery of `contents`. */
  async recover(contents: Contents): Promise<Outcome> {
    this.counts.cuts++
    return this.#recover(contents, digestOf(contents))
  }

  /** Every outcome there is when recovery of `contents` loses power at any of its media operations, in any of the ways of `cuts`. */
  async recoverCrashed(contents: Contents, cuts: readonly Cut[]): Promise<readonly Found[]> {
    const digest = digestOf(contents)
    let crashes = this.#crashes.get(digest)
    if (crashes === undefined) {
      crashes = await this.#crashRecovery(contents, cuts)
      this.#crashes.set(digest, crashes)
      this.counts.recoveriesCrashed++
    }
    this.counts.recoveryPoints += crashes.points
    this.counts.recoveryCuts += crashes.points * cuts.length
    return crashes.found
  }

  async #crashRecovery(contents: Contents, cuts: readonly Cut[]): Promise<Crashes> {
    const found = new Map<Outcome, string>()
    for (let point = 1; ; point++) {
      const left = await recoverUntilCut(await mediaHolding(contents, this.#like), point)
      if (left === undefined)
        return { found: [...found].map(([outcome, where]) => ({ outcome, where })), points: point - 1 }
      for (const cut of cuts) {
        const again = await contentsOf(left, cut, point)
        const outcome = await this.#recover(again, digestOf(again))
        if (!found.has(outcome)) found.set(outcome, `recovery cut at ${point}, keep ${cut.keep} ${cut.order}`)
      }
      await closeAll(left)
    }
  }

  async #recover(contents: Contents, digest: string): Promise<Outcome> {
    const known = this.#byDigest.get(digest)
    if (known !== undefined) return known
    this.counts.distinct++
    const outcome = this.#interned(await openAndRead(await mediaHolding(contents, this.#like)))
    this.#byDigest.set(digest, outcome)
    return outcome
  }

  #interned(outcome: Outcome): Outcome {
    const { recovered, error } = outcome
    const key =
      recovered === undefined
        ? String(error)
        : JSON.stringify([[...recovered.files], [...recovered.snapshots].map(([name, held]) => [name, [...held]])])
    const known = this.#outcomes.get(key) ?? outcome
    this.#outcomes.set(key, known)
    return known
  }
}

async function openAndRead(media: Record<string, Medium>): Promise<Outcome> {
  try {
    const volume = await Volume.open({ media, now: () => 1 })
    const recovered = await readRecovered(volume)
    await volume.close()
    return { recovered, error: undefined, code: undefined }
  } catch (error) {
    return { recovered: undefined, error, code: isPfaofError(error) ? error.code : undefined }
  } finally {
    await closeAll(media)
  }
}

/** SHA-1 of everything that a recovery can see. */
function digestOf(contents: Contents): string {
  const hash = createHash('sha1')
  for (const [name, { zones, keys }] of Object.entries(contents)) {
    hash.update(`medium ${name}\n`)
    for (const { zone, state, pointer, type, bytes, blockLengths } of zones) {
      hash.update(`zone ${zone} ${state} ${pointer} ${type} ${bytes.length} ${blockLengths?.join() ?? ''}\n`)
      hash.update(bytes)
    }
    for (const [key, bytes] of keys) hash.update(`key ${JSON.stringify(key)} ${bytes.length}\n`).update(bytes)
  }
  return hash.digest('base64')
}
