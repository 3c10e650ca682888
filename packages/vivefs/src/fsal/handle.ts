/**
 * The opaque name of an inode for gateways: 32 bytes, big-endian, the same after a restart.
 *
 *     volume id (16) | snapshot32 | ino64 | generation32
 */
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { asBuffer, readU64, writeU64 } from '../format/row.ts'
import type { Bytes } from '../store/store.ts'

export type Handle = Bytes

export const HANDLE_BYTES = 32

/** What a handle of this volume names. */
export interface InodeReference {
  readonly ino: number
  readonly generation: number
}

export function encodeHandle(volumeId: Bytes, inode: Pick<Inode, 'ino' | 'generation'>): Handle {
  const handle = Buffer.alloc(HANDLE_BYTES)
  handle.set(volumeId, 0)
  writeU64(handle, inode.ino, 20)
  handle.writeUInt32BE(inode.generation, 28)
  return handle
}

/** ESTALE for what is not a handle of this volume. */
export function decodeHandle(volumeId: Bytes, handle: Handle): InodeReference {
  if (handle.length !== HANDLE_BYTES) throw new FilesystemError('ESTALE')
  const bytes = asBuffer(handle)
  if (bytes.compare(volumeId, 0, 16, 0, 16) !== 0 || bytes.readUInt32BE(16) !== 0) throw new FilesystemError('ESTALE')
  return { ino: readU64(bytes, 20), generation: bytes.readUInt32BE(28) }
}
