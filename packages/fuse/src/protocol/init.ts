/**
 * The first exchange: version and features.
 *
 *     in   major32 minor32 maxReadahead32 flags32 flags2_32 unused[11 x 32]
 *     out  major32 minor32 maxReadahead32 flags32 maxBackground16 congestion16 maxWrite32 timeGran32 maxPages16
 *          mapAlignment16 flags2_32 unused[7 x 32]                                                       64 bytes
 */
export const MAJOR = 7
/** What we answer; the kernel goes down to it. */
export const MINOR = 39
/** Older kernels (before Linux 5.4) lack requests that we count on. */
export const MINOR_MIN = 31

export const FEATURE = {
  ASYNC_READ: 1 << 0,
  POSIX_LOCKS: 1 << 1,
  ATOMIC_O_TRUNC: 1 << 3,
  EXPORT_SUPPORT: 1 << 4,
  BIG_WRITES: 1 << 5,
  DONT_MASK: 1 << 6,
  FLOCK_LOCKS: 1 << 10,
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  ASYNC_DIO: 1 << 15,
  WRITEBACK_CACHE: 1 << 16,
  PARALLEL_DIROPS: 1 << 18,
  POSIX_ACL: 1 << 20,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  HANDLE_KILLPRIV_V2: 1 << 28,
  INIT_EXT: 1 << 30,
} as const

/** Most bytes of one write or read: 256 pages. */
export const TRANSFER_BYTES_MAX: number = 1 << 20
const PAGES_MAX = 256
/** What the kernel may read ahead; it does so as far as its own setting for the mount says. */
const READ_AHEAD_BYTES_MAX: number = TRANSFER_BYTES_MAX
const BACKGROUND_MAX = 64

export interface InitRequest {
  readonly major: number
  readonly minor: number
  readonly maxReadahead: number
  readonly flags: number
}

export function decodeInit(body: Buffer): InitRequest {
  return {
    major: body.readUInt32LE(0),
    minor: body.readUInt32LE(4),
    maxReadahead: body.readUInt32LE(8),
    flags: body.readUInt32LE(12),
  }
}

/** Our answer: what the kernel offers of `wanted`. */
export function encodeInit(request: InitRequest, wanted: number): Buffer {
  const out = Buffer.alloc(64)
  out.writeUInt32LE(MAJOR, 0)
  out.writeUInt32LE(Math.min(MINOR, request.minor), 4)
  out.writeUInt32LE(Math.max(request.maxReadahead, READ_AHEAD_BYTES_MAX), 8)
  out.writeUInt32LE((request.flags & wanted) >>> 0, 12)
  out.writeUInt16LE(BACKGROUND_MAX, 16)
  out.writeUInt16LE((BACKGROUND_MAX * 3) >> 2, 18)
  out.writeUInt32LE(TRANSFER_BYTES_MAX, 20)
  out.writeUInt32LE(1, 24)
  out.writeUInt16LE(PAGES_MAX, 28)
  return out
}
