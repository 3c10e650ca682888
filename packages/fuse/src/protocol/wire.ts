/**
 * The records that requests and answers are made of. Integers are in the byte order of the machine, which is little-endian on every
 * Linux that Node runs on but s390x (refused at mount). 64-bit numbers are read as doubles: inode numbers, offsets and handles of ours
 * are below 2^53; what is greater is clamped by the reader of the field.
 */
import type { Attributes, Timespec } from 'vivefs/fsal'

/** Header of a request: len32 opcode32 unique64 nodeid64 uid32 gid32 pid32 extensions16 padding16. */
export const REQUEST_HEADER_BYTES = 40
/** Header of an answer: len32 error32 unique64. */
export const ANSWER_HEADER_BYTES = 16
export const ENTRY_BYTES = 128
export const ATTRIBUTES_BYTES = 104
export const STATX_BYTES = 288
const DIRENT_BYTES = 24

const HIGH = 2 ** 32

export const readU64 = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + 4) * HIGH + bytes.readUInt32LE(at)

export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value >>> 0, at)
  bytes.writeUInt32LE(Math.floor(value / HIGH), at + 4)
}

/** Seconds may lie before 1970. */
export function writeI64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value >>> 0, at)
  bytes.writeInt32LE(Math.floor(value / HIGH), at + 4)
}

export const readI64 = (bytes: Buffer, at: number): number => bytes.readInt32LE(at + 4) * HIGH + bytes.readUInt32LE(at)

/** How long the kernel may trust what it was told. */
export interface Trust {
  readonly entrySeconds: number
  readonly attributeSeconds: number
}

function writeSeconds(out: Buffer, seconds: number, secondsAt: number, nanosAt: number): void {
  const whole = Math.floor(seconds)
  writeU64(out, whole, secondsAt)
  out.writeUInt32LE(Math.round((seconds - whole) * 1e9), nanosAt)
}

/** The kernel's device number: 12 bits of major between 20 bits of minor. */
export const encodeDevice = (major: number, minor: number): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0
export const deviceMajor = (device: number): number => (device >>> 8) & 0xfff
export const deviceMinor = (device: number): number => (device & 0xff) | ((device >>> 12) & 0xfff00)

/**
 * 88 bytes: ino64 size64 blocks64 atime64 mtime64 ctime64 atimeNs32 mtimeNs32 ctimeNs32 mode32 nlink32 uid32 gid32 rdev32
 * blockSize32 flags32.
 */
function writeAttributes(out: Buffer, attributes: Attributes, nodeId: number, at: number): void {
  writeU64(out, nodeId, at)
  writeU64(out, attributes.size, at + 8)
  writeU64(out, attributes.blocks, at + 16)
  const { atime, mtime, ctime } = attributes
  writeI64(out, atime.sec, at + 24)
  writeI64(out, mtime.sec, at + 32)
  writeI64(out, ctime.sec, at + 40)
  out.writeUInt32LE(atime.nsec, at + 48)
  out.writeUInt32LE(mtime.nsec, at + 52)
  out.writeUInt32LE(ctime.nsec, at + 56)
  out.writeUInt32LE(attributes.mode, at + 60)
  out.writeUInt32LE(attributes.nlink, at + 64)
  out.writeUInt32LE(attributes.uid, at + 68)
  out.writeUInt32LE(attributes.gid, at + 72)
  out.writeUInt32LE(encodeDevice(attributes.rdevMajor, attributes.rdevMinor), at + 76)
  out.writeUInt32LE(attributes.blockBytes, at + 80)
  out.writeUInt32LE(0, at + 84)
}

/** nodeid64 generation64 entryValid64 attrValid64 entryValidNs32 attrValidNs32, then the attributes. */
export function writeEntry(out: Buffer, attributes: Attributes, nodeId: number, trust: Trust, at: number): void {
  writeU64(out, nodeId, at)
  writeU64(out, attributes.generation, at + 8)
  writeSeconds(out, trust.entrySeconds, at + 16, at + 32)
  writeSeconds(out, trust.attributeSeconds, at + 24, at + 36)
  writeAttributes(out, attributes, nodeId, at + 40)
}

/** No such name, and the kernel may remember that: an entry with node id 0. `out`: zeros, ENTRY_BYTES. */
export function negativeEntry(out: Buffer, trust: Trust): Buffer {
  writeSeconds(out, trust.entrySeconds, 16, 32)
  return out
}

/** attrValid64 attrValidNs32 padding32, then the attributes. `out`: zeros, ATTRIBUTES_BYTES; it is what comes back. */
export function encodeAttributes(out: Buffer, attributes: Attributes, nodeId: number, trust: Trust): Buffer {
  writeSeconds(out, trust.attributeSeconds, 0, 8)
  writeAttributes(out, attributes, nodeId, 16)
  return out
}

/** STATX_BASIC_STATS and STATX_BTIME. */
const STATX_MASK = 0xfff

function writeStatxTime(out: Buffer, time: Timespec, at: number): void {
  writeI64(out, time.sec, at)
  out.writeUInt32LE(time.nsec, at + 8)
}

/**
 * attrValid64 attrValidNs32 flags32 spare[2 x 64], then mask32 blockSize32 attributes64 nlink32 uid32 gid32 mode16 padding16 ino64 size64
 * blocks64 attributesMask64, atime btime ctime mtime (seconds64 ns32 padding32 each), rdevMajor32 rdevMinor32 devMajor32 devMinor32
 * spare[14 x 64]. `out`: zeros, STATX_BYTES; it is what comes back.
 */
export function encodeStatx(out: Buffer, attributes: Attributes, nodeId: number, trust: Trust): Buffer {
  writeSeconds(out, trust.attributeSeconds, 0, 8)
  out.writeUInt32LE(STATX_MASK, 32)
  out.writeUInt32LE(attributes.blockBytes, 36)
  out.writeUInt32LE(attributes.nlink, 48)
  out.writeUInt32LE(attributes.uid, 52)
  out.writeUInt32LE(attributes.gid, 56)
  out.writeUInt16LE(attributes.mode, 60)
  writeU64(out, nodeId, 64)
  writeU64(out, attributes.size, 72)
  writeU64(out, attributes.blocks, 80)
  writeStatxTime(out, attributes.atime, 96)
  writeStatxTime(out, attributes.birthtime, 112)
  writeStatxTime(out, attributes.ctime, 128)
  writeStatxTime(out, attributes.mtime, 144)
  out.writeUInt32LE(attributes.rdevMajor, 160)
  out.writeUInt32LE(attributes.rdevMinor, 164)
  return out
}

/** What a line of a directory takes, with `plus` an entry before it. */
export const direntBytes = (nameBytes: number, plus: boolean): number =>
  (plus ? ENTRY_BYTES : 0) + DIRENT_BYTES + ((nameBytes + 7) & ~7)

export interface Dirent {
  readonly ino: number
  readonly name: Buffer
  /** S_IFMT bits. */
  readonly type: number
  /** Where the listing goes on behind it. */
  readonly offset: bigint
}

/** ino64 offset64 nameBytes32 type32 name, padded to 8 bytes. */
export function writeDirent(out: Buffer, dirent: Dirent, at: number): number {
  writeU64(out, dirent.ino, at)
  out.writeBigUInt64LE(dirent.offset, at + 8)
  out.writeUInt32LE(dirent.name.length, at + 16)
  out.writeUInt32LE(dirent.type >>> 12, at + 20)
  dirent.name.copy(out, at + DIRENT_BYTES)
  const end = at + DIRENT_BYTES + ((dirent.name.length + 7) & ~7)
  out.fill(0, at + DIRENT_BYTES + dirent.name.length, end)
  return end
}

/** A name that ends with NUL: a copy of the bytes from `at`, without it. */
export function readName(body: Buffer, at: number): Buffer {
  const found = body.indexOf(0, at)
  const end = found === -1 ? body.length : found
  const name = Buffer.allocUnsafe(Math.max(0, end - at))
  body.copy(name, 0, at, end)
  return name
}
