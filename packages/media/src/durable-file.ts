/**
 * File calls whose result survives loss of power, on every system: directory entries are synced where the system can.
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { MediumError } from './error.ts'
import type { Bytes } from './medium.ts'

/** Systems (Windows) and filesystems that cannot open or sync a directory; entries are durable there by themselves. */
const NO_DIRECTORY_SYNC = new Set(['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Makes created, renamed and removed entries of `directory` durable. */
export function syncDirectory(directory: string): void {
  let fd: number
  try {
    fd = openSync(directory, 'r')
  } catch (error) {
    if (process.platform === 'win32' && NO_DIRECTORY_SYNC.has((error as NodeJS.ErrnoException).code ?? '')) return
    throw error
  }
  try {
    fsyncSync(fd)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EIO' || !NO_DIRECTORY_SYNC.has(code)) throw error
  } finally {
    closeSync(fd)
  }
}

/** Writes all of `bytes` at `position`; a call that writes less is repeated, one that writes nothing is an error. */
export function writeFully(fd: number, bytes: Bytes, position: number): void {
  let done = 0
  while (done < bytes.length) {
    const written = writeSync(fd, bytes, done, bytes.length - done, position + done)
    if (written <= 0) {
      throw new MediumError('MEDIA_SHORT_WRITE', `${done} of ${bytes.length} bytes were written at ${position}`)
    }
    done += written
  }
}

/** Fills `into` from `position`; returns how much there was before the end of the file. */
export function readFully(fd: number, into: Bytes, position: number): number {
  let done = 0
  while (done < into.length) {
    const read = readSync(fd, into, done, into.length - done, position + done)
    if (read === 0) break
    done += read
  }
  return done
}

/** Creates `path` with `bytes`, durable with its entry. EEXIST when there is something. */
export function createFileDurably(path: string, bytes: Bytes): void {
  const fd = openSync(path, 'wx')
  try {
    writeFully(fd, bytes, 0)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  syncDirectory(dirname(path))
}

/** The first bytes of a file, at most `bytes`. */
export function readHead(path: string, bytes: number): Bytes {
  const fd = openSync(path, 'r')
  try {
    const head = new Uint8Array(bytes)
    return head.subarray(0, readFully(fd, head, 0))
  } finally {
    closeSync(fd)
  }
}
