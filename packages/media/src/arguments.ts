/** What may be asked of a medium, by its capabilities: every driver refuses the same with the same codes, before it touches the device. */
import { MediumError } from './error.ts'
import type { Bytes, MediumCaps } from './medium.ts'

/** Most buffers in one append. */
export const APPEND_PARTS_MAX = 65_536

/** @throws {MediumError} MEDIA_ZONE_RANGE */
export function checkZone(caps: MediumCaps, zone: number): void {
  if (!Number.isSafeInteger(zone) || zone < 0 || zone >= caps.zoneCount) {
    throw new MediumError('MEDIA_ZONE_RANGE', `zone ${String(zone)} is not in 0..${caps.zoneCount - 1}`)
  }
}

/** Answers how many bytes the parts hold. @throws {MediumError} MEDIA_ZONE_RANGE, MEDIA_ARGUMENT, MEDIA_ALIGNMENT, MEDIA_APPEND_SIZE */
export function checkAppend(caps: MediumCaps, zone: number, parts: readonly Bytes[]): number {
  checkZone(caps, zone)
  if (!Array.isArray(parts) || parts.length > APPEND_PARTS_MAX) {
    throw new MediumError('MEDIA_ARGUMENT', `parts must be an array of at most ${APPEND_PARTS_MAX} Uint8Arrays`)
  }
  let bytes = 0
  for (const part of parts as readonly unknown[]) {
    if (!(part instanceof Uint8Array)) throw new MediumError('MEDIA_ARGUMENT', 'every part must be a Uint8Array')
    bytes += part.length
  }
  const { blockBytes, appendBytesMin, appendBytesMax } = caps
  if (bytes % blockBytes !== 0) {
    throw new MediumError('MEDIA_ALIGNMENT', `${bytes} bytes is not a multiple of ${blockBytes}`, { zone })
  }
  if (bytes < Math.max(1, appendBytesMin) || (appendBytesMax > 0 && bytes > appendBytesMax)) {
    const limit = appendBytesMax > 0 ? String(appendBytesMax) : 'capacity'
    throw new MediumError('MEDIA_APPEND_SIZE', `${bytes} bytes is not in ${appendBytesMin}..${limit}`, { zone })
  }
  return bytes
}

/** @throws {MediumError} MEDIA_ZONE_RANGE, MEDIA_ARGUMENT */
export function checkRead(caps: MediumCaps, zone: number, offset: number, into: Bytes): void {
  checkZone(caps, zone)
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new MediumError('MEDIA_ARGUMENT', `offset ${String(offset)} is not a whole number from 0`, { zone })
  }
  if (!(into instanceof Uint8Array)) throw new MediumError('MEDIA_ARGUMENT', 'into must be a Uint8Array', { zone })
}
