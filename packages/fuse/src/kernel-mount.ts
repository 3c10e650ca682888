/**
 * Mounting and unmounting by the system's own mount(8). The device is opened here and handed to mount(8) as descriptor 3; mount(2) returns
 * before the first request is answered, so a synchronous child is enough.
 */
import { execFile, spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { endianness } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { FuseError } from './error.ts'
import { givenDescriptor, placeOfGiven } from './given-device.ts'
import type { MountOptions } from './mount-options.ts'

const DEVICE = '/dev/fuse'

/** Whether this system can mount at all; otherwise why not. */
export function mountObstacle(): string | undefined {
  if (process.platform !== 'linux')
    return `no FUSE on ${process.platform}: use the node:fs face (vive.fs), or export the tree (vivefs export)`
  if (endianness() !== 'LE') return 'the FUSE protocol is spoken in little-endian only'
  if (!existsSync(DEVICE))
    return `there is no ${DEVICE}: load the kernel's fuse module, or give the container the device`
  return undefined
}

export interface MountedDevice {
  readonly device: number
  /** The mount point without symbolic links, as the system's table names it. */
  readonly at: string
  /** Somebody else has made the mount, and takes it away. */
  readonly isGiven: boolean
}

function optionsOf(options: MountOptions, mode: number): string {
  const list = [
    'fd=3',
    `rootmode=${mode.toString(8)}`,
    `user_id=${process.geteuid?.() ?? 0}`,
    `group_id=${process.getegid?.() ?? 0}`,
    'nosuid',
    'nodev',
  ]
  if (options.suid) list.splice(list.indexOf('nosuid'), 1, 'suid')
  if (options.devices) list.splice(list.indexOf('nodev'), 1, 'dev')
  if (options.defaultPermissions) list.push('default_permissions')
  if (options.allowOther) list.push('allow_other')
  list.push(options.readOnly ? 'ro' : 'rw')
  return list.join(',')
}

/**
 * Mounts, or takes over the mount that a directory of the form `/dev/fd/N` stands for (given-device.ts). The descriptor of the device is the caller's.
 * FUSE_UNSUPPORTED, FUSE_ARGUMENT, FUSE_PERMISSION, FUSE_MOUNT.
 */
export function mountDevice(directory: string, options: MountOptions): MountedDevice {
  const obstacle = mountObstacle()
  if (obstacle !== undefined) throw new FuseError('FUSE_UNSUPPORTED', obstacle)
  const given = givenDescriptor(directory)
  if (given !== undefined) return { device: given, at: placeOfGiven(given), isGiven: true }
  const at = directoryOf(directory)
  let device: number
  try {
    device = openSync(DEVICE, constants.O_RDWR)
  } catch (error) {
    throw new FuseError('FUSE_PERMISSION', `${DEVICE} cannot be opened`, error)
  }
  const type = ['-i', '-t', 'fuse.vivefs', '-o', optionsOf(options, statSync(at).mode), options.source, at]
  const done = spawnSync('mount', type, { stdio: ['ignore', 'pipe', 'pipe', device], encoding: 'utf8' })
  if (done.status === 0) {
    setReadAhead(at, options.readAheadBytes)
    return { device, at, isGiven: false }
  }
  closeSync(device)
  const words = done.error?.message ?? (done.stderr.trim() || `mount ended with ${done.status}`)
  const code = process.geteuid?.() === 0 ? 'FUSE_MOUNT' : 'FUSE_PERMISSION'
  throw new FuseError(code, `${at} was not mounted: ${words}`, done.error)
}

/** By the device number of the newest mount on a directory; the mount itself cannot be asked for it before it is served. */
function setReadAhead(at: string, bytes: number): void {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .findLast((each) => each.split(' ')[4] === escapedPath(at))
  const number = line?.split(' ')[2]
  try {
    writeFileSync(`/sys/class/bdi/${number}/read_ahead_kb`, `${bytes >>> 10}`)
  } catch {
    // Not ours to set (a user namespace, a container): the kernel's default stands.
  }
}

/** As the system's tables of mounts write it. */
const escapedPath = (path: string): string =>
  path.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)

function directoryOf(directory: string): string {
  try {
    const at = realpathSync(directory)
    if (statSync(at).isDirectory()) return at
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // What a server that was killed left behind.
    if (code === 'ENOTCONN') {
      spawnSync('umount', ['-l', directory])
      return directoryOf(directory)
    }
    throw new FuseError('FUSE_ARGUMENT', `${directory} cannot be mounted on (${code})`, error)
  }
  throw new FuseError('FUSE_ARGUMENT', `${directory} is not a directory`)
}

/** Whoever looks at a mount for a moment, the one who wakes its server included, does not keep it. */
const BUSY_TRIES = 4
const BUSY_PAUSE_MS = 100

const NOT_MOUNTED = /not mounted|no mount point/

/**
 * `lazy` takes the name away at once and lets whoever has files open finish. Runs beside the thread: the kernel asks for what is still to
 * be done before it lets go. FUSE_BUSY, FUSE_MOUNT.
 */
export async function unmountDirectory(
  directory: string,
  o: { lazy?: boolean } = {},
  tries = BUSY_TRIES,
): Promise<void> {
  try {
    await promisify(execFile)('umount', [...(o.lazy === true ? ['-l'] : []), directory])
  } catch (error) {
    const words = (error as { stderr?: string }).stderr?.trim() || (error as Error).message
    if (NOT_MOUNTED.test(words)) return
    if (/busy/.test(words) && tries > 1) {
      await sleep(BUSY_PAUSE_MS)
      return await unmountDirectory(directory, o, tries - 1)
    }
    throw new FuseError(/busy/.test(words) ? 'FUSE_BUSY' : 'FUSE_MOUNT', `${directory} stays mounted: ${words}`, error)
  }
}

/** Whether a directory is a mount of ours now, by the system's own table. */
export function isMounted(directory: string): boolean {
  const escaped = escapedPath(directory)
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => {
      const [, at, type] = line.split(' ')
      return at === escaped && type === 'fuse.vivefs'
    })
}
