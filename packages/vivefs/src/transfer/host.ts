/**
 * The host's side of a transfer. Names are bytes: directories are listed as latin1 (one character a byte, far cheaper
 * than a Buffer each) and paths are Buffers. Small things are done synchronously: through the thread pool each call
 * costs 5 to 20 times as much as the system call.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  type Dir,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readSync,
} from 'node:fs'
import type { Timespec } from '../format/inode.ts'
import { codeOf } from './findings.ts'

const { O_NOATIME = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants

const NS_PER_S = 1_000_000_000n
const SEPARATOR = Buffer.from('/')

/** Nanoseconds since 1970 as whole seconds, rounded down, and the rest. */
export function timespecOf(ns: bigint): Timespec {
  const nsec = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S
  return { sec: Number((ns - nsec) / NS_PER_S), nsec: Number(nsec) }
}

export const nsOf = ({ sec, nsec }: Timespec): bigint => BigInt(sec) * NS_PER_S + BigInt(nsec)

export const bytesOfName = (name: string): Buffer => Buffer.from(name, 'latin1')

/** The path of `name` (latin1) in `directory`. */
export const joinPath = (directory: Buffer, name: string): Buffer =>
  directory.length === 0 ? bytesOfName(name) : Buffer.concat([directory, SEPARATOR, bytesOfName(name)])

/** A line of a host directory. */
export interface HostName {
  /** latin1. */
  readonly name: string
  readonly type: 'file' | 'directory' | 'symlink' | 'other'
}

/** The entries of a directory, a few hundred at a time. */
export function* listHost(path: Buffer): Generator<HostName, void> {
  // The encoding is right, its type is not: opendir knows all that readdir knows.
  const options = { encoding: 'latin1' as BufferEncoding, bufferSize: 512 }
  const directory: Dir = opendirSync(path as unknown as string, options)
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      const { name } = entry
      if (entry.isFile()) yield { name, type: 'file' }
      else if (entry.isDirectory()) yield { name, type: 'directory' }
      else if (entry.isSymbolicLink()) yield { name, type: 'symlink' }
      else yield { name, type: 'other' }
    }
  } finally {
    directory.closeSync()
  }
}

export const lstatHost = (path: Buffer): BigIntStats => lstatSync(path, { bigint: true })

/** O_NOATIME needs the owner or the superuser; the first refusal is remembered for that caller's files. */
let mayHideReads = O_NOATIME !== 0

/** Opens a regular file to read, without following a link or waiting at a FIFO, if possible without touching its atime. */
export function openHost(path: Buffer): number {
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
  if (mayHideReads) {
    try {
      return openSync(path, flags | O_NOATIME)
    } catch (error) {
      if (codeOf(error) !== 'EPERM') throw error
      mayHideReads = false
    }
  }
  return openSync(path, flags)
}

/** Fills `into` from the current position; fewer bytes only at the end of the file. */
export function readFully(fd: number, into: Buffer, offset: number, length: number): number {
  let done = 0
  while (done < length) {
    const bytes = readSync(fd, into, offset + done, length - done, null)
    if (bytes === 0) break
    done += bytes
  }
  return done
}

export const fstatHost = (fd: number): BigIntStats => fstatSync(fd, { bigint: true })

/** For closing what was only read: nothing can be lost by a failure. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd)
  } catch {
    // Nothing was written through it.
  }
}

/** The numbers of a device as the host packs them: Linux's new_encode_dev, elsewhere the BSD way. */
export function splitDevice(rdev: bigint): { rdevMajor: number; rdevMinor: number } {
  if (process.platform !== 'linux') {
    return { rdevMajor: Number((rdev >> 24n) & 0xffn), rdevMinor: Number(rdev & 0xff_ffffn) }
  }
  return {
    rdevMajor: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xffff_f000n)),
    rdevMinor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffff_ff00n)),
  }
}

/** Whether the host gave the file fewer blocks than its size needs. */
export const isSparseHost = (stat: BigIntStats): boolean => stat.blocks !== undefined && stat.blocks * 512n < stat.size

/** One file of the host, whatever its name. */
export const identityOf = (stat: BigIntStats): string => `${stat.dev}:${stat.ino}`

/** The bytes of content below a directory, for progress. What cannot be read counts as nothing. */
export async function measureHost(path: Buffer, breathe: () => Promise<void>): Promise<number> {
  let bytes = 0
  const directories = [path]
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    try {
      for (const { name, type } of listHost(directory)) {
        const child = joinPath(directory, name)
        if (type === 'directory') directories.push(child)
        else if (type === 'file') bytes += lstatSync(child).size
      }
    } catch {
      // The transfer itself reports it.
    }
    await breathe()
  }
  return bytes
}
