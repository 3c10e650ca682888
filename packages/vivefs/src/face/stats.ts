/** What stat answers: the 18 fields of node's Stats and BigIntStats, their methods, and `instanceof fs.Stats`. */
import fs from 'node:fs'
import { type Attributes, attributesOf } from '../core/attributes.ts'
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../core/mode.ts'
import type { Inode, Timespec } from '../format/inode.ts'

const milliseconds = ({ sec, nsec }: Timespec): number => sec * 1000 + nsec / 1_000_000
const nanoseconds = ({ sec, nsec }: Timespec): bigint => BigInt(sec) * 1_000_000_000n + BigInt(nsec)

/** The device number of Linux's makedev(3). */
const deviceNumber = (major: number, minor: number): number =>
  (minor & 0xff) +
  (major & 0xfff) * 2 ** 8 +
  Math.floor(minor / 2 ** 8) * 2 ** 20 +
  Math.floor(major / 2 ** 12) * 2 ** 44

// No private members: each would cost every instance its brand.
const hasType = (of: { readonly mode: number | bigint }, type: number): boolean => (Number(of.mode) & S_IFMT) === type

abstract class FileType {
  declare readonly mode: number | bigint

  isDirectory(): boolean {
    return hasType(this, S_IFDIR)
  }
  isFile(): boolean {
    return hasType(this, S_IFREG)
  }
  isSymbolicLink(): boolean {
    return hasType(this, S_IFLNK)
  }
  isFIFO(): boolean {
    return hasType(this, S_IFIFO)
  }
  isSocket(): boolean {
    return hasType(this, S_IFSOCK)
  }
  isBlockDevice(): boolean {
    return hasType(this, S_IFBLK)
  }
  isCharacterDevice(): boolean {
    return hasType(this, S_IFCHR)
  }
}

/** The Dates are made when they are asked for; they can be overwritten, as in node. */
function defineDates(prototype: object): void {
  for (const name of ['atime', 'mtime', 'ctime', 'birthtime']) {
    Object.defineProperty(prototype, name, {
      enumerable: true,
      configurable: true,
      get(this: Record<string, unknown>) {
        const value = new Date(Math.round(Number(this[`${name}Ms`])))
        Object.defineProperty(this, name, { value, enumerable: true, configurable: true, writable: true })
        return value
      },
      set(this: object, value: unknown) {
        Object.defineProperty(this, name, { value, enumerable: true, configurable: true, writable: true })
      },
    })
  }
}

/** What JavaScript calls its module of exact times, where the running Node's stats know it (26). */
interface ExactTimes {
  readonly Instant: { fromEpochNanoseconds(ns: bigint): unknown }
}

const Exact = 'atimeInstant' in fs.Stats.prototype ? (globalThis as { Temporal?: ExactTimes }).Temporal : undefined
/** Where Stats, whose times are doubles, keep what they were made of. */
const source = Symbol('attributes')

/** The exact times of stats, made when they are asked for. */
function defineInstants(prototype: object): void {
  if (Exact === undefined) return
  for (const name of ['atime', 'mtime', 'ctime', 'birthtime'] as const) {
    const key = `${name}Instant`
    const keep = (stats: object, value: unknown): void => {
      Object.defineProperty(stats, key, { value, enumerable: true, configurable: true, writable: true })
    }
    Object.defineProperty(prototype, key, {
      enumerable: true,
      configurable: true,
      get(this: { readonly [source]?: Attributes } & Record<string, unknown>) {
        const exact = this[`${name}Ns`] as bigint | undefined
        const of = this[source]
        // On the other side of a port only the double is left.
        const rounded = (): bigint => BigInt(Math.round((this[`${name}Ms`] as number) * 1e6))
        const value = Exact.Instant.fromEpochNanoseconds(
          exact ?? (of === undefined ? rounded() : nanoseconds(of[name])),
        )
        keep(this, value)
        return value
      },
      set(this: object, value: unknown) {
        keep(this, value)
      },
    })
  }
}

// Declared, not defined: each field is written once, in the constructor.
class Stats extends FileType {
  declare readonly dev: number
  declare readonly mode: number
  declare readonly nlink: number
  declare readonly uid: number
  declare readonly gid: number
  declare readonly rdev: number
  declare readonly blksize: number
  declare readonly ino: number
  declare readonly size: number
  declare readonly blocks: number
  declare readonly atimeMs: number
  declare readonly mtimeMs: number
  declare readonly ctimeMs: number
  declare readonly birthtimeMs: number

  constructor(dev: number, of: Attributes) {
    super()
    this.dev = dev
    this.mode = of.mode
    this.nlink = of.nlink
    this.uid = of.uid
    this.gid = of.gid
    this.rdev = deviceNumber(of.rdevMajor, of.rdevMinor)
    this.blksize = of.blockBytes
    this.ino = of.ino
    this.size = of.size
    this.blocks = of.blocks
    this.atimeMs = milliseconds(of.atime)
    this.mtimeMs = milliseconds(of.mtime)
    this.ctimeMs = milliseconds(of.ctime)
    this.birthtimeMs = milliseconds(of.birthtime)
    if (Exact !== undefined) Object.defineProperty(this, source, { value: of })
  }
}

class BigIntStats extends FileType {
  declare readonly dev: bigint
  declare readonly mode: bigint
  declare readonly nlink: bigint
  declare readonly uid: bigint
  declare readonly gid: bigint
  declare readonly rdev: bigint
  declare readonly blksize: bigint
  declare readonly ino: bigint
  declare readonly size: bigint
  declare readonly blocks: bigint
  declare readonly atimeMs: bigint
  declare readonly mtimeMs: bigint
  declare readonly ctimeMs: bigint
  declare readonly birthtimeMs: bigint
  declare readonly atimeNs: bigint
  declare readonly mtimeNs: bigint
  declare readonly ctimeNs: bigint
  declare readonly birthtimeNs: bigint

  constructor(dev: number, of: Attributes) {
    super()
    this.dev = BigInt(dev)
    this.mode = BigInt(of.mode)
    this.nlink = BigInt(of.nlink)
    this.uid = BigInt(of.uid)
    this.gid = BigInt(of.gid)
    this.rdev = BigInt(deviceNumber(of.rdevMajor, of.rdevMinor))
    this.blksize = BigInt(of.blockBytes)
    this.ino = BigInt(of.ino)
    this.size = BigInt(of.size)
    this.blocks = BigInt(of.blocks)
    const [atime, mtime, ctime, birthtime] = [of.atime, of.mtime, of.ctime, of.birthtime].map(nanoseconds)
    this.atimeMs = atime / 1_000_000n
    this.mtimeMs = mtime / 1_000_000n
    this.ctimeMs = ctime / 1_000_000n
    this.birthtimeMs = birthtime / 1_000_000n
    this.atimeNs = atime
    this.mtimeNs = mtime
    this.ctimeNs = ctime
    this.birthtimeNs = birthtime
  }
}

defineDates(Stats.prototype)
defineDates(BigIntStats.prototype)
defineInstants(Stats.prototype)
defineInstants(BigIntStats.prototype)
// `instanceof fs.Stats` holds, without calling node's deprecated constructor; as in node it does not for BigIntStats.
for (const [name, method] of Object.entries(Object.getOwnPropertyDescriptors(FileType.prototype))) {
  if (name !== 'constructor') Object.defineProperty(Stats.prototype, name, method)
}
Object.setPrototypeOf(Stats.prototype, fs.Stats.prototype)

export type StatsOf<Big extends boolean> = Big extends true ? fs.BigIntStats : fs.Stats

/** `device` is the number that all files of a volume share. */
export function statsOf(inode: Inode, device: number, isBig: boolean): fs.Stats | fs.BigIntStats {
  const attributes = attributesOf(inode)
  return (isBig ? new BigIntStats(device, attributes) : new Stats(device, attributes)) as unknown as fs.Stats
}

const never: Timespec = { sec: 0, nsec: 0 }

/** What watchFile shows of a file that is not there: zeros. */
export function emptyStats(isBig: boolean): fs.Stats | fs.BigIntStats {
  const zeros = { generation: 0, ino: 0, mode: 0, nlink: 0, uid: 0, gid: 0, rdevMajor: 0, rdevMinor: 0, change: 0 }
  const times = { atime: never, mtime: never, ctime: never, birthtime: never }
  const nothing: Attributes = { ...zeros, ...times, size: 0, blocks: 0, blockBytes: 0 }
  return (isBig ? new BigIntStats(0, nothing) : new Stats(0, nothing)) as unknown as fs.Stats
}

/** Whether it is what this module makes, or another copy of it. */
export const isStats = (value: object): boolean => 'atimeMs' in value && 'isFile' in value && 'mode' in value

/** The same from its fields, on the other side of a port. */
export const reviveStats = (fields: object): Stats | BigIntStats =>
  Object.assign(Object.create('atimeNs' in fields ? BigIntStats.prototype : Stats.prototype), fields)
