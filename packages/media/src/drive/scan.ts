/**
 * What storage this machine has, and which driver fits: disks, zoned devices, tape drives, DAX memory and mounted
 * filesystems. Reads /sys, /proc and the first bytes of what may be read; writes nothing and never throws for what it
 * cannot find out. Linux; elsewhere the list is empty.
 */
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { describeMedium, type MediumDescription, parseMounts } from '../describe.ts'
import { decodeSuperblock, SUPERBLOCK_BYTES } from '../superblock.ts'
import { queueLimits } from './queue-limits.ts'
import { foreignContent, SIGNATURE_BYTES } from './signature.ts'

export interface MediumFound {
  readonly path: string
  /** The `kind` that opens it; absent when nothing does as it is, see `note`. */
  readonly driver?: 'block' | 'zoned-block' | 'zonefs' | 'tape-drive' | 'pool' | 'directory'
  readonly store: MediumDescription['store']
  readonly bytes?: number
  readonly model?: string
  /** 'blank', 'medium' with its identity, or the name of what is foreign; absent when it may not be read. */
  readonly content?: string
  /** Identity of the medium that it holds. */
  readonly id?: string
  /** Why nothing drives it, or what to know first. */
  readonly note?: string
}

/** Devices that are memory, or stand for something else that is listed. */
const NOT_LISTED = /^(loop|ram|zram|sr|fd|nbd)\d+|^nvme\d+c\d+n\d+/
const DISK_FILESYSTEMS = /^(ext[234]|xfs|btrfs|f2fs|zfs|bcachefs|nfs4?|cifs|ceph|tmpfs)$/

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch {
    return []
  }
}

const mountsNow = () => parseMounts(text('/proc/self/mountinfo'))

/** What the first bytes say. */
function contentOf(path: string): Pick<MediumFound, 'content' | 'id'> {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return {}
  }
  try {
    const head = new Uint8Array(SIGNATURE_BYTES)
    const start = head.subarray(0, readSync(fd, head, 0, head.length, 0))
    const verdict = decodeSuperblock(start.subarray(0, SUPERBLOCK_BYTES))
    if (verdict.ok) return { content: `medium (${verdict.kind})`, id: verdict.body.id }
    return { content: foreignContent(start) ?? 'blank' }
  } catch {
    return {}
  } finally {
    closeSync(fd)
  }
}

function disk(name: string): MediumFound | undefined {
  const sys = join('/sys/block', name)
  const path = join('/dev', name)
  const number = text(join(sys, 'dev'))
  const limits = queueLimits(number)
  if (limits === undefined || limits.bytes === 0 || !existsSync(path)) return undefined
  const partitions = entries(sys).filter((entry) => existsSync(join(sys, entry, 'partition')))
  const numbers = new Set([number, ...partitions.map((entry) => text(join(sys, entry, 'dev')))])
  const mounted = mountsNow().find(({ majorMinor, device }) => numbers.has(majorMinor) || device === path)
  const holder = entries(join(sys, 'holders'))[0]
  const zoned = limits.zoned === 'host-managed'
  const model = text(join(sys, 'device/model'))
  const use =
    mounted !== undefined
      ? `in use: mounted at ${mounted.mountPoint}`
      : holder !== undefined
        ? `in use by ${holder}`
        : partitions.length > 0
          ? `has partitions: ${partitions.join(', ')}`
          : undefined
  return {
    path,
    ...(use === undefined ? { driver: zoned ? 'zoned-block' : 'block' } : { note: use }),
    store: zoned ? 'zoned' : limits.rotational ? 'disk' : 'solid-state',
    bytes: limits.bytes,
    ...(model === '' ? {} : { model }),
    ...contentOf(path),
  }
}

function tape(name: string): MediumFound {
  const model = text(join('/sys/class/scsi_tape', name, 'device/model'))
  return { path: join('/dev', name), driver: 'tape-drive', store: 'tape', ...(model === '' ? {} : { model }) }
}

function dax(name: string): MediumFound {
  const sys = join('/sys/bus/dax/devices', name)
  const kmem = existsSync(join(sys, 'driver')) && text(join(sys, 'driver_override')) === 'kmem'
  return {
    path: join('/dev', name),
    store: 'memory',
    bytes: Number(text(join(sys, 'size'))) || 0,
    note: kmem
      ? 'system memory: mount a tmpfs bound to its node (mpol=bind:NODE) and open it as pool'
      : 'takes no reads and writes: make it system-ram (daxctl) for a bound tmpfs, or fsdax (ndctl) with a filesystem',
  }
}

function mounted(mount: ReturnType<typeof mountsNow>[number], options: string): MediumFound | undefined {
  const { mountPoint, filesystem } = mount
  const isDax = /(^|,)dax(=always)?(,|$)/.test(options)
  const bound = filesystem === 'tmpfs' && /mpol=(bind|prefer)/.test(options)
  if (filesystem !== 'zonefs' && !DISK_FILESYSTEMS.test(filesystem)) return undefined
  if (filesystem === 'tmpfs' && !bound) return undefined
  let facts: MediumDescription
  try {
    facts = describeMedium(mountPoint)
  } catch {
    return undefined
  }
  const driver = filesystem === 'zonefs' ? 'zonefs' : isDax || bound ? 'pool' : 'directory'
  return {
    path: mountPoint,
    driver,
    store: isDax ? 'memory' : facts.store,
    ...(facts.totalBytes === undefined ? {} : { bytes: facts.totalBytes }),
    content: filesystem,
    ...(filesystem === 'zonefs' ? { note: 'mount it with explicit-open,errors=repair' } : {}),
  }
}

/** Everything found, disks first. */
export async function scanMedia(): Promise<MediumFound[]> {
  const disks = entries('/sys/block').filter((name) => !NOT_LISTED.test(name))
  const tapes = entries('/sys/class/scsi_tape').filter((name) => /^nst\d+$/.test(name))
  const options = new Map(
    text('/proc/self/mounts')
      .split('\n')
      .map((line) => line.split(' '))
      .map((fields) => [fields[1] ?? '', fields[3] ?? '']),
  )
  const last = new Map(mountsNow().map((mount) => [mount.mountPoint, mount]))
  return [
    ...disks.map(disk),
    ...tapes.map(tape),
    ...entries('/sys/bus/dax/devices').map(dax),
    ...[...last.values()].map((mount) => mounted(mount, options.get(mount.mountPoint) ?? '')),
  ].filter((found) => found !== undefined)
}
