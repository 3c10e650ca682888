/** The facts that Linux publishes of a block device, by its "major:minor"; a partition answers by its disk. */
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface QueueLimits {
  /** Kernel's name of the disk, e.g. 'nvme0n1'. */
  readonly disk: string
  /** Bytes of the device itself (of the partition, if it is one). */
  readonly bytes: number
  readonly rotational: boolean
  readonly zoned: string
  readonly zoneBytes: number
  readonly openZonesMax: number
  readonly activeZonesMax: number
  readonly logicalBlockBytes: number
  /** 0: no discard. */
  readonly discardBytesMax: number
}

const SECTOR_BYTES = 512

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

/** undefined where the system publishes nothing. */
export function queueLimits(majorMinor: string): QueueLimits | undefined {
  let node: string
  try {
    node = join('/sys/dev/block', readlinkSync(`/sys/dev/block/${majorMinor}`))
  } catch {
    return undefined
  }
  const disk = existsSync(join(node, 'queue')) ? node : dirname(node)
  const number = (name: string): number => Number(text(join(disk, 'queue', name))) || 0
  return {
    disk: basename(disk),
    bytes: (Number(text(join(node, 'size'))) || 0) * SECTOR_BYTES,
    rotational: number('rotational') === 1,
    zoned: text(join(disk, 'queue/zoned')) || 'none',
    zoneBytes: number('chunk_sectors') * SECTOR_BYTES,
    openZonesMax: number('max_open_zones'),
    activeZonesMax: number('max_active_zones'),
    logicalBlockBytes: number('logical_block_size') || SECTOR_BYTES,
    discardBytesMax: number('discard_max_bytes'),
  }
}
