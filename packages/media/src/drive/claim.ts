/**
 * Whose device is it: opening with the right refusals, the lock, and formatting only what may be formatted.
 *
 *   no `format`            ours -> opened      blank -> MEDIA_NOT_FORMATTED   foreign -> MEDIA_FOREIGN
 *   format: true           ours -> opened      blank -> formatted             foreign -> MEDIA_FOREIGN
 *   format: 'overwrite'    anything -> formatted, with a new identity
 */
import { constants, openSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMediumError, MediumError, toMediumError } from '../error.ts'
import { decodeLock, type Lock, type LockHolder, lockIsStale, takeLock } from '../lock.ts'
import type { Bytes } from '../medium.ts'
import { decodeSuperblock, readSuperblock, type SuperblockBody, type SuperblockKind } from '../superblock.ts'

/** What may be done to a device that is not a medium yet. */
export type FormatOption = boolean | 'overwrite'

export function formatOption(value: unknown): FormatOption {
  if (value === undefined) return false
  if (typeof value === 'boolean' || value === 'overwrite') return value
  throw new MediumError('MEDIA_ARGUMENT', `format must be true, false or 'overwrite', not ${String(value)}`)
}

/** ENOMEDIUM, which libuv has no name for. */
const ENOMEDIUM = -123

/** Says by code why a device could not be opened or used. */
export function deviceError(cause: unknown, path: string): MediumError {
  if (isMediumError(cause)) return cause
  const { code = '', errno, message = String(cause) } = cause as NodeJS.ErrnoException
  const say = (as: ConstructorParameters<typeof MediumError>[0], text: string) =>
    new MediumError(as, `${path}: ${text} (${message})`, { cause })
  if (errno === ENOMEDIUM) return say('MEDIA_NO_CARTRIDGE', 'nothing is in the drive')
  if (code === 'EBUSY') return say('MEDIA_LOCKED', 'somebody uses it: it is mounted or open elsewhere')
  if (code === 'EACCES' || code === 'EPERM') return say('MEDIA_PERMISSION', 'this user may not open it')
  if (code === 'EROFS') return say('MEDIA_READ_ONLY', 'it is write-protected')
  if (code === 'ENXIO' || code === 'ENODEV') return say('MEDIA_NOT_FOUND', 'there is no device behind this node')
  return toMediumError(cause, 'open')
}

/** Major and minor number of a device number as stat gives it. */
export const majorMinorOf = (device: number): string =>
  `${(device >> 8) & 0xfff}:${(device & 0xff) | ((device >> 12) & 0xfff00)}`

/** What a path is; MEDIA_NOT_FOUND, MEDIA_PERMISSION. */
export function statDevice(path: string) {
  try {
    return statSync(path)
  } catch (error) {
    throw deviceError(error, path)
  }
}

/** Direct I/O where the system and the file take it; `direct` says which it became. */
export function openDirect(path: string, flags: number): { fd: number; direct: boolean } {
  const { O_DIRECT = 0 } = constants
  try {
    return { fd: openSync(path, flags | O_DIRECT), direct: O_DIRECT !== 0 }
  } catch (error) {
    // Some filesystems (below an image file) have no direct I/O. A device always has.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw deviceError(error, path)
    return { fd: openSync(path, flags), direct: false }
  }
}

/**
 * Locks a device that has no place for a lock file: in the system's lock directory by its number, or in that of
 * temporary files where this user may not write there. A lock in either counts.
 */
export function takeDeviceLock(name: string): Lock {
  const paths = ['/run/lock', tmpdir()].map((directory) => join(directory, `vivefs-${name}.lock`))
  for (const path of paths) {
    const holder = lockHolder(path)
    if (holder !== undefined && !lockIsStale(holder)) {
      throw new MediumError('MEDIA_LOCKED', `${path} is held by process ${holder.pid} on ${holder.host}`)
    }
  }
  for (const path of paths) {
    try {
      return takeLock(path)
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(code)) throw error
    }
  }
  throw new MediumError('MEDIA_PERMISSION', `no directory for a lock can be written: ${paths.join(', ')}`)
}

function lockHolder(path: string): LockHolder | undefined {
  try {
    return decodeLock(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

export interface ClaimOptions {
  readonly kind: SuperblockKind
  readonly path: string
  readonly format: FormatOption
  readonly id: string | undefined
  readonly readOnly: boolean
  /** Name of what is foreign there, undefined for a blank device. Not asked when the superblock is ours. */
  readonly foreign: () => string | undefined
  /** Makes the device a medium and returns its new first block. */
  readonly make: () => Bytes
}

/** Reads, or makes, the superblock (see the table above). */
export function claimDevice(block: Bytes, o: ClaimOptions): SuperblockBody {
  const writable = !o.readOnly && o.id === undefined
  if (o.format === 'overwrite' && !writable) {
    throw new MediumError('MEDIA_ARGUMENT', `format 'overwrite' goes neither with readOnly nor with an expected id`)
  }
  const verdict = decodeSuperblock(block)
  const sound = verdict.ok || !/magic|shorter/.test(verdict.problem)
  if (sound && o.format !== 'overwrite') return readSuperblock(block, o.kind, o.path, o.id)
  if (o.format !== 'overwrite') {
    const foreign = o.foreign()
    if (foreign !== undefined) {
      throw new MediumError('MEDIA_FOREIGN', `${o.path} holds ${foreign}; format 'overwrite' would destroy it`)
    }
    if (o.format === false || !writable) {
      throw new MediumError('MEDIA_NOT_FORMATTED', `${o.path} is blank; open it with format: true`)
    }
  }
  return readSuperblock(o.make(), o.kind, o.path)
}

/** Whole numbers of a superblock's body, or MEDIA_FORMAT. */
export function wholeFields<K extends string>(body: SuperblockBody, names: readonly K[], path: string) {
  return Object.fromEntries(
    names.map((name) => {
      const value = body[name]
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
        throw new MediumError('MEDIA_FORMAT', `${path}: superblock field ${name}`)
      }
      return [name, value]
    }),
  ) as Record<K, number>
}
