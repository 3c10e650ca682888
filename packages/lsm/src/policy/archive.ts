import { type Bytes, compareBytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import type { MediaPolicy, Placement, PlacementRequest } from './media-policy.ts'

export interface ArchiveOptions {
  /** Media for new and hot data, for logs, and for metadata for ever. */
  readonly hot: readonly [string, ...string[]]
  /** Media for data that has become quiet. */
  readonly cold: readonly [string, ...string[]]
  /** Media for data that nobody reads. */
  readonly tape?: readonly [string, ...string[]]
  /** Keys below this one are metadata, and stay on `hot`. Default: there are none. */
  readonly metadataBelow?: Bytes
  /** Age in hours from which quiet data goes to `cold`; default 24. */
  readonly coldHours?: number
  /** Age in hours from which it goes to `tape`; default 720. */
  readonly tapeHours?: number
  /** Reads per MiB and hour from which data stays where it is read fast; default 1. */
  readonly hotReads?: number
}

const HOUR_MS = 3_600_000
const TAPE_FILE_BYTES = 256 << 20
const TAPE_BLOCK_BYTES = 16_384
/** Data on tape comes back only when it is read this many times as often as cold data may be. */
const RETURN_FACTOR = 4

/** Logs, the manifest, and levels above the last one. Files with values are not rewritten with the levels: they age wherever their keys are. */
function isRewritten({ file, lastLevel, reason }: PlacementRequest): boolean {
  if (file === 'log' || file === 'manifest') return true
  return !lastLevel && !(file === 'blob' && reason === 'move')
}

/**
 * Metadata stays on flash, data goes to cold media and then to tape, by age and heat: a file sinks when even its youngest data is old enough
 * and nobody reads it, and it rises again when it is read. New data is always on `hot`: levels above the last one are rewritten anyway. So
 * are tables that are for the most part pointers to values in other files: one look at a tape is enough for a value.
 *
 * @example
 * const policy = archive({ hot: ['nvme'], cold: ['smr'], tape: ['lto'], metadataBelow: Buffer.from([0x40]) })
 * new LsmLevel('data', { media: { nvme, smr, lto }, home: ['nvme'], policy })
 */
export function archive(o: ArchiveOptions): MediaPolicy {
  const coldMs = (o.coldHours ?? 24) * HOUR_MS
  const tapeMs = (o.tapeHours ?? 720) * HOUR_MS
  const hotReads = o.hotReads ?? 1
  const { hot, cold, tape, metadataBelow } = o
  if (!(coldMs >= 0) || !(tapeMs >= coldMs) || !(hotReads >= 0))
    throw new LevelError('LEVEL_ARGUMENT', 'archive: 0 <= coldHours <= tapeHours, and hotReads from 0')

  const onHot: Placement = { media: [...hot, ...cold] as [string, ...string[]] }
  const onCold: Placement = { media: [...cold, ...hot] as [string, ...string[]], compression: 'deflate' }
  const onTape: Placement = {
    media: [...(tape ?? []), ...cold, ...hot] as [string, ...string[]],
    index: [...hot],
    compression: 'deflate',
    fileBytesTarget: TAPE_FILE_BYTES,
    blockBytesTarget: TAPE_BLOCK_BYTES,
  }
  // A file that was cut at the key ends before it; one that begins there is data.
  const isMetadata = ({ lowerKey, upperKey }: Pick<PlacementRequest, 'lowerKey' | 'upperKey'>): boolean => {
    if (metadataBelow === undefined) return false
    return compareBytes(lowerKey, metadataBelow) < 0 && compareBytes(upperKey, metadataBelow) <= 0
  }
  const place = (request: PlacementRequest): Placement => {
    const { file, ageMsMin, heat } = request
    if (isRewritten(request) || isMetadata(request)) return onHot
    if (file === 'table' && request.valuesPerByte >= 1) return onHot
    if (ageMsMin < coldMs || heat >= hotReads) return onHot
    return tape !== undefined && ageMsMin >= tapeMs ? onTape : onCold
  }
  return {
    name: 'archive',
    ...(metadataBelow === undefined ? {} : { partition: [metadataBelow] }),
    place,
    relocate: (request) => {
      const wanted = place(request)
      if (wanted.media[0] === request.current) return undefined
      // What is quiet and lies lower than it has to is left there: it would come down again.
      const lower = tape?.includes(request.current) === true || cold.includes(request.current)
      const isHot = request.heat >= RETURN_FACTOR * hotReads || isMetadata(request)
      return lower && wanted !== onTape && !isHot ? undefined : wanted
    },
  }
}
