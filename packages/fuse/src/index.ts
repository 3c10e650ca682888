/**
 * Mounts a ViveFS volume as a real filesystem on Linux, without native code.
 *
 * @packageDocumentation
 */
export { FuseError, type FuseErrorCode, isFuseError } from './error.ts'
export { isMounted, mountObstacle, unmountDirectory } from './kernel-mount.ts'
export { type Mount, type Mountable, mount } from './mount.ts'
export type { MountOptions } from './mount-options.ts'
export { mountVolume, type VolumeMountOptions } from './mount-volume.ts'
export type { SessionCounts } from './session.ts'
