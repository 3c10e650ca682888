/**
 * What lies at a path: filesystem, device, and what the system knows of it. Reads /proc and /sys on Linux; elsewhere
 * only what `statfs` tells, and 'unknown' for the rest. Never throws for what it cannot find out.
 */
import { existsSync, readFileSync, readlinkSync, realpathSync, statfsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { toMediumError } from './error.ts'
import { pathOption } from './geometry.ts'

/** What was found. Absent fields are unknown. */
export interface MediumDescription {
  /** The nearest existing path: the path itself or a parent. */
  readonly path: string
  /** What kind of store answers there. */
  readonly store: 'memory' | 'solid-state' | 'disk' | 'zoned' | 'tape' | 'network' | 'unknown'
  /** What the path itself is. */
  readonly node: 'file' | 'directory' | 'block-device' | 'character-device' | 'other'
  /** Lost with power: tmpfs, ramfs. */
  readonly volatile: boolean
  /** Filesystem type as the system names it, e.g. 'ext4'. */
  readonly filesystem?: string
  readonly mountPoint?: string
  /** Name of the disk below, e.g. 'nvme0n1'. */
  readonly device?: string
  readonly rotational?: boolean
  readonly zonedModel?: 'none' | 'host-managed' | 'host-aware'
  /** Alignment that direct I/O demands of memory and of offsets. */
  readonly dmaAlignBytes?: number
  readonly logicalBlockBytes?: number
  readonly optimalIoBytes?: number
  readonly removable?: boolean
  /** Bytes that this user may still write, and the size of the filesystem. */
  readonly freeBytes?: number
  readonly totalBytes?: number
}

interface Mount {
  readonly device: string
  readonly mountPoint: string
  readonly filesystem: string
  readonly majorMinor: string
}

const MEMORY = new Set(['tmpfs', 'ramfs', 'devtmpfs', 'hugetlbfs'])
const NETWORK = /^(nfs4?|cifs|smb3?|smbfs|ceph|glusterfs|lustre|9p|afs|fuse\.sshfs|beegfs|gpfs)$/
const MAJOR_TAPE = new Set([9])

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

const octalDecoded = (field: string) =>
  field.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** The mounts of a `/proc/self/mountinfo`; lines that do not parse are left out. */
export function parseMounts(mountinfo: string): Mount[] {
  const mounts: Mount[] = []
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const fields = left.split(' ')
    const [filesystem, device] = right.split(' ')
    if (fields.length < 5 || filesystem === undefined || device === undefined) continue
    mounts.push({ device, filesystem, mountPoint: octalDecoded(fields[4]!), majorMinor: fields[2]! })
  }
  return mounts
}

function mountOf(path: string): Mount | undefined {
  const mounts = parseMounts(text('/proc/self/mountinfo') ?? '')
  const holds = (point: string) => path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`)
  // Later mounts hide earlier ones at the same place.
  return mounts
    .filter((mount) => holds(mount.mountPoint))
    .reduce<Mount | undefined>(
      (best, mount) => (best && best.mountPoint.length > mount.mountPoint.length ? best : mount),
      undefined,
    )
}

/** The queue limits of a block device by its "major:minor"; a partition answers by its disk. */
function queueOf(majorMinor: string): Partial<MediumDescription> {
  try {
    let device = join('/sys/dev/block', readlinkSync(`/sys/dev/block/${majorMinor}`))
    if (!existsSync(join(device, 'queue'))) device = dirname(device)
    const number = (name: string) => {
      const value = text(join(device, name))
      return value === undefined || !/^\d+$/.test(value) ? undefined : Number(value)
    }
    const zoned = text(join(device, 'queue/zoned'))
    const rotational = number('queue/rotational')
    const found = {
      device: basename(device),
      rotational: rotational === undefined ? undefined : rotational === 1,
      zonedModel: zoned === 'none' || zoned === 'host-managed' || zoned === 'host-aware' ? zoned : undefined,
      dmaAlignBytes: number('queue/dma_alignment') === undefined ? undefined : number('queue/dma_alignment')! + 1,
      logicalBlockBytes: number('queue/logical_block_size'),
      optimalIoBytes: number('queue/optimal_io_size') || undefined,
      removable: number('removable') === undefined ? undefined : number('removable') === 1,
    }
    return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
  } catch {
    return {}
  }
}

function nearest(path: string): string {
  let at = resolve(path)
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at)
  return realpathSync(at)
}

function storeOf(facts: Partial<MediumDescription>, filesystem: string, tape: boolean): MediumDescription['store'] {
  if (tape) return 'tape'
  if (MEMORY.has(filesystem)) return 'memory'
  if (NETWORK.test(filesystem)) return 'network'
  if (filesystem === 'zonefs' || (facts.zonedModel !== undefined && facts.zonedModel !== 'none')) return 'zoned'
  if (facts.rotational === undefined) return 'unknown'
  return facts.rotational ? 'disk' : 'solid-state'
}

/**
 * Describes what lies at `path`, or at its nearest existing parent.
 *
 * Errors: MEDIA_ARGUMENT for what is no path; MEDIA_IO when nothing of it can be examined.
 */
export function describeMedium(path: string): MediumDescription {
  pathOption(path)
  try {
    const at = nearest(path)
    const stat = statSync(at)
    const mount = mountOf(at)
    const majorMinor = (device: number) => `${(device >> 8) & 0xfff}:${(device & 0xff) | ((device >> 12) & 0xfff00)}`
    const isDevice = stat.isBlockDevice() || stat.isCharacterDevice()
    const tape = stat.isCharacterDevice() && MAJOR_TAPE.has((stat.rdev >> 8) & 0xfff)
    const facts = stat.isCharacterDevice()
      ? {}
      : queueOf(isDevice ? majorMinor(stat.rdev) : (mount?.majorMinor ?? majorMinor(stat.dev)))
    const filesystem = isDevice ? '' : (mount?.filesystem ?? '')
    return {
      path: at,
      store: storeOf(facts, filesystem, tape),
      node: stat.isFile()
        ? 'file'
        : stat.isDirectory()
          ? 'directory'
          : stat.isBlockDevice()
            ? 'block-device'
            : stat.isCharacterDevice()
              ? 'character-device'
              : 'other',
      volatile: MEMORY.has(filesystem),
      ...(filesystem === '' ? {} : { filesystem, mountPoint: mount!.mountPoint }),
      ...facts,
      ...(isDevice ? {} : spaceAt(at)),
    }
  } catch (error) {
    throw toMediumError(error, 'describe')
  }
}

function spaceAt(path: string): Partial<MediumDescription> {
  try {
    const { bsize, bavail, blocks } = statfsSync(path)
    return { freeBytes: bsize * bavail, totalBytes: bsize * blocks }
  } catch {
    return {}
  }
}
