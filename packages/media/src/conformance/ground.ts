/** What the parts of the suite share: sizes that a medium accepts, and assertions that name codes. */
import assert from 'node:assert/strict'
import { isMediumError, type MediumErrorCode } from '../error.ts'
import type { Bytes, Medium, MediumCaps } from '../medium.ts'
import { SeededRandom } from '../random.ts'

/** `count` blocks, or as many as make the smallest append, as bytes. */
export function lengthOf(caps: MediumCaps, count: number): number {
  const least = Math.max(1, caps.appendBytesMin)
  const most = caps.appendBytesMax > 0 ? Math.min(caps.appendBytesMax, caps.zoneCapacityBytes) : caps.zoneCapacityBytes
  const wanted = caps.blockBytes === 1 ? count * 37 : count * caps.blockBytes
  const length = Math.min(most, Math.max(least, wanted))
  return length - (length % caps.blockBytes)
}

/** Noise of an acceptable length. */
export const noise = (caps: MediumCaps, count: number, seed: number): Bytes =>
  new SeededRandom(seed).fill(new Uint8Array(lengthOf(caps, count)))

export const join = (parts: readonly Bytes[]): Bytes => Uint8Array.from(Buffer.concat(parts as Bytes[]))

/** The bytes that a zone gives for [offset, offset + length). */
export async function readBack(medium: Medium, zone: number, offset: number, length: number): Promise<Bytes> {
  const into = new Uint8Array(length)
  return into.subarray(0, await medium.read(zone, offset, into))
}

export function sameBytes(actual: Bytes, expected: Bytes, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: length`)
  const different = actual.findIndex((byte, index) => byte !== expected[index])
  assert.equal(different, -1, `${what}: differs at byte ${different}`)
}

/** `run` must fail with one of `codes`; returns which. */
export async function refused(run: () => unknown, ...codes: MediumErrorCode[]): Promise<MediumErrorCode> {
  try {
    await run()
  } catch (error) {
    assert.ok(isMediumError(error), `not a MediumError: ${String(error)}`)
    assert.ok(codes.includes(error.code), `${error.code} is not one of ${codes.join(', ')}`)
    return error.code
  }
  assert.fail(`must fail with ${codes.join(' or ')}`)
}

/** Appends can go on in one zone. */
export const manyAppends = (caps: MediumCaps): boolean => caps.append !== 'whole-object'
/** Zones can be written side by side. */
export const anyZone = (caps: MediumCaps): boolean => caps.append !== 'stream'
