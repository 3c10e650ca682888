/** How a volume is mounted. */
export interface MountOptions {
  /** How long the kernel may trust a name, seconds. */
  readonly entrySeconds: number
  /** How long the kernel may trust attributes, seconds. */
  readonly attributeSeconds: number
  /** The kernel collects writes and hands them over later; `fsync` and `close` hand over at once. */
  readonly writeback: boolean
  /** Other users than the one who mounts may use it. */
  readonly allowOther: boolean
  readonly readOnly: boolean
  /** The kernel checks permissions too. The volume's own rules decide in either case. */
  readonly defaultPermissions: boolean
  /** Programs may run as the file's owner (the set-user-id bit counts). */
  readonly suid: boolean
  /** Device files lead to devices. */
  readonly devices: boolean
  /** What the mount table shows as its source. */
  readonly source: string
  /** The volume's user for a user of the system. */
  readonly mapUid?: ((uid: number) => number) | undefined
  readonly mapGid?: ((gid: number) => number) | undefined
}

export const MOUNT_DEFAULTS: MountOptions = {
  entrySeconds: 1,
  attributeSeconds: 1,
  writeback: false,
  allowOther: process.geteuid?.() === 0,
  readOnly: false,
  defaultPermissions: true,
  suid: false,
  devices: false,
  source: 'vivefs',
}
