import { LevelError } from '../error.ts'
import type { MediaPolicy, Placement, PlacementRequest } from './media-policy.ts'

/** Files on a medium that is read in order only are worth a locate when they are long. */
const STREAM_FILE_BYTES = 64 << 20
const STREAM_BLOCK_BYTES = 16_384
/** From this seek time on, in milliseconds, a medium wants long files. */
const STREAM_SEEK_MS = 1000

/**
 * Level i on medium i, counted among the levels in use: level 0 on the first medium, the level below it on the second, and so on; what
 * lies deeper than there are media goes to the last. So data sinks as it ages, as in GearDB (FAST'19). Logs and manifest go to the first
 * medium that survives loss of power. A medium that is full or offline is stood in for by its neighbour above, then by those below.
 *
 * The tree grows from the last level back, so while it is small the data lies on the second medium, and moves to the third when a level
 * comes in between: by compaction, and by `relocate` where nothing is rewritten.
 *
 * @param media names, fastest first; at least one
 * @example
 * new LsmLevel('data', { media: { dram, ssd, smr, tape }, home: ['ssd'], policy: ladder(['dram', 'ssd', 'smr', 'tape']) })
 */
export function ladder(media: readonly string[]): MediaPolicy {
  if (media.length === 0) throw new LevelError('LEVEL_ARGUMENT', 'ladder: at least one medium')
  const place = (request: PlacementRequest): Placement => {
    const rung = Math.min(Math.max(0, request.depth), media.length - 1)
    const name = media[rung]!
    const above = media.slice(0, rung).reverse()
    const list = [name, ...above, ...media.slice(rung + 1)] as [string, ...string[]]
    const cost = request.media.get(name)?.cost
    if (request.file !== 'table' || cost === undefined || cost.seekMs < STREAM_SEEK_MS) return { media: list }
    return { media: list, fileBytesTarget: STREAM_FILE_BYTES, blockBytesTarget: STREAM_BLOCK_BYTES }
  }
  return {
    name: `ladder(${media.join(', ')})`,
    place,
    relocate: (request) => {
      const wanted = place(request)
      return wanted.media[0] === request.current ? undefined : wanted
    },
  }
}
