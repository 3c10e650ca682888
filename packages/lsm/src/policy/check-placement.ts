import { type Compression, compressionAvailable } from '../block/compression.ts'
import type { Placement } from './media-policy.ts'

const LIFETIMES: readonly unknown[] = ['short', 'medium', 'long', 'extreme']
const BYTES_MAX = 2 ** 31

/** What is wrong with the answer of a policy; undefined: nothing. */
export function placementFault(answer: unknown, known: ReadonlySet<string>): string | undefined {
  if (typeof answer !== 'object' || answer === null) return `answered ${String(answer)}`
  const given = answer as Partial<Record<keyof Placement, unknown>>
  const media = mediaFault('media', given.media, known)
  if (media !== undefined) return media
  if (given.index !== undefined) {
    const index = mediaFault('index', given.index, known)
    if (index !== undefined) return index
  }
  const { compression, lifetime } = given
  if (compression !== undefined && !isCompression(compression))
    return `answered compression ${String(compression)}, which this runtime does not have`
  if (lifetime !== undefined && !LIFETIMES.includes(lifetime)) return `answered lifetime ${String(lifetime)}`
  return (
    wholeFault('fileBytesTarget', given.fileBytesTarget, 1024, BYTES_MAX) ??
    wholeFault('blockBytesTarget', given.blockBytesTarget, 64, 1 << 20) ??
    wholeFault('filterBitsPerKey', given.filterBitsPerKey, 0, 64)
  )
}

function isCompression(value: unknown): boolean {
  return ['none', 'deflate', 'zstd'].includes(value as string) && compressionAvailable(value as Compression)
}

function mediaFault(name: string, value: unknown, known: ReadonlySet<string>): string | undefined {
  if (!Array.isArray(value) || value.length === 0) return `answered no list of ${name}`
  const stranger = value.find((one) => !known.has(one))
  if (stranger === undefined) return undefined
  return `named the medium ${String(stranger)}; there are ${[...known].join(', ')}`
}

function wholeFault(name: string, value: unknown, least: number, most: number): string | undefined {
  if (value === undefined) return undefined
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return undefined
  return `answered ${name} ${String(value)}, which is no whole number in ${least}..${most}`
}
