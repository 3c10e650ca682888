import { FuseError } from './error.ts'
import { TRANSFER_BYTES_MAX } from './protocol/init.ts'

/** How a volume is mounted. */
export interface MountOptions {
  /** How long the kernel may trust a name, seconds. */
  readonly entrySeconds: number
  /** How long the kernel may trust attributes, seconds. 0: no longer than the call takes that asked for them, or two ticks of the kernel's clock. */
  readonly attributeSeconds: number
  /** The kernel collects writes and hands them over later; `fsync` and `close` hand over at once. */
  readonly writeback: boolean
  /** Other users than the one who mounts may use it. */
  readonly allowOther: boolean
  readonly readOnly: boolean
  /**
   * The kernel checks permissions too (default). Without, the volume's own rules alone decide; nothing is cached then, since the kernel
   * shows everybody what it has in its caches without asking.
   */
  readonly defaultPermissions: boolean
  /**
   * Who keeps locks. `volume` (default): all mounts, views and ports of the volume see them. `kernel`: only the programs on this mount do,
   * and closing a file costs one request less.
   */
  readonly locks: 'volume' | 'kernel'
  /**
   * The kernel knows of access control lists and checks by them. Default: with `defaultPermissions`, which it brings about. Without, lists can
   * be set and read all the same, and the volume's own checks go by them.
   */
  readonly acl: boolean
  /** Programs may run as the file's owner (the set-user-id bit counts). */
  readonly suid: boolean
  /** Device files lead to devices. */
  readonly devices: boolean
  /** What the mount table shows as its source. */
  readonly source: string
  /**
   * How much the kernel reads ahead in a file that is read from its start to its end, up to 1 MiB. Where the settings of the kernel (/sys) cannot be
   * written, its own default stands: 128 KiB.
   */
  readonly readAheadBytes: number
  /** The volume's user for a user of the system. */
  readonly mapUid?: ((uid: number) => number) | undefined
  readonly mapGid?: ((gid: number) => number) | undefined
}

/** The longest that the kernel may trust its caches. */
const SECONDS_MAX = 2 ** 31

export const MOUNT_DEFAULTS: MountOptions = {
  entrySeconds: 1,
  attributeSeconds: 1,
  writeback: false,
  allowOther: process.geteuid?.() === 0,
  readOnly: false,
  defaultPermissions: true,
  locks: 'volume',
  acl: true,
  suid: false,
  devices: false,
  source: 'vivefs',
  readAheadBytes: TRANSFER_BYTES_MAX,
}

/** The given options over the defaults. FUSE_ARGUMENT. */
export function completeOptions(given: Partial<MountOptions>): MountOptions {
  const { defaultPermissions = MOUNT_DEFAULTS.defaultPermissions } = given
  const caches = defaultPermissions ? {} : { entrySeconds: 0, attributeSeconds: 0 }
  const whole = { ...MOUNT_DEFAULTS, acl: defaultPermissions, ...caches, ...given }
  for (const name of ['entrySeconds', 'attributeSeconds'] as const) {
    const seconds = whole[name]
    if (!(seconds >= 0 && seconds <= SECONDS_MAX)) {
      throw new FuseError('FUSE_ARGUMENT', `${name}: 0 to ${SECONDS_MAX}`)
    }
    if (seconds > 0 && !whole.defaultPermissions) {
      throw new FuseError('FUSE_ARGUMENT', `${name}: 0 without defaultPermissions`)
    }
  }
  if (whole.acl && !whole.defaultPermissions) {
    throw new FuseError('FUSE_ARGUMENT', 'acl: not without defaultPermissions, which it turns on')
  }
  if (whole.locks !== 'volume' && whole.locks !== 'kernel') {
    throw new FuseError('FUSE_ARGUMENT', 'locks: volume or kernel')
  }
  if (!(whole.readAheadBytes >= 0 && whole.readAheadBytes <= TRANSFER_BYTES_MAX)) {
    throw new FuseError('FUSE_ARGUMENT', `readAheadBytes: 0 to ${TRANSFER_BYTES_MAX}`)
  }
  if (!/^[^,\s]{1,200}$/.test(whole.source)) throw new FuseError('FUSE_ARGUMENT', 'source: no commas, no spaces')
  return whole
}
