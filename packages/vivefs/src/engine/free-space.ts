/** What media of the caller's can still take of what is written now. */
import type { LsmLevelOptions, MediaMap } from '@vivefs/lsm'

type Policy = LsmLevelOptions<Buffer, Buffer>['policy']
type Place = (request: object) => { readonly media: readonly string[] }

/** New content goes to a log; nothing is known of it but that. */
const NEW = {
  file: 'log',
  level: -1,
  depth: -1,
  lastLevel: false,
  reason: 'create',
  bytesExpected: 0,
  lowerKey: Buffer.alloc(0),
  upperKey: Buffer.alloc(0),
  ageMsMin: 0,
  ageMsMax: 0,
  valuesPerByte: 0,
  heat: 0,
} as const

/** The media that the policy names for a new log; undefined when it does not say (it is found by a module, or fails). */
function askedFor(policy: Policy, { media }: MediaMap): readonly string[] | undefined {
  const { place } = (policy ?? {}) as { place?: Place }
  if (policy === undefined) return media.map(({ name }) => name)
  if (typeof place !== 'function') return undefined
  try {
    return place.call(policy, { ...NEW, media: new Map(media.map((one) => [one.name, one])) }).media
  } catch {
    // What is written next meets the same, and says it.
    return undefined
  }
}

/** Where the youngest log lies. */
function presentOf({ files }: MediaMap): readonly string[] {
  const logs = files.filter(({ kind }) => kind === 'log').sort((a, b) => b.number - a.number)
  return logs[0]?.media ?? []
}

/**
 * Bytes that the media can take where new content would go: the policy's choices for it, one after the other as they fill up. What content
 * makes room by ageing to other media is not counted before it did; nor is what a medium keeps back for deleting and compacting.
 */
export function freeBytesForNew(policy: Policy, map: MediaMap): number {
  const names = new Set(askedFor(policy, map) ?? presentOf(map))
  const isDurable = map.media.some(({ name, durable }) => names.has(name) && durable)
  return map.media
    .filter(({ name, state, durable }) => names.has(name) && state !== 'offline' && (durable || !isDurable))
    .reduce((sum, { availableBytes }) => sum + availableBytes, 0)
}
