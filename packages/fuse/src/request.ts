import type { Credentials } from 'vivefs/fsal'
import { REQUEST_HEADER_BYTES, readU64 } from './protocol/wire.ts'

/** One request of the kernel, decoded as far as all requests are alike. */
export interface Request {
  readonly opcode: number
  /** What the answer repeats: a count of the kernel's, far below 2^53. */
  readonly unique: number
  readonly nodeId: number
  readonly uid: number
  readonly gid: number
  readonly pid: number
  /** What follows the header; a view of the buffer that was read into. */
  readonly body: Buffer
}

/** Of the first `length` bytes. Undefined: not a whole request. */
export function decodeRequest(bytes: Buffer, length: number): Request | undefined {
  if (length < REQUEST_HEADER_BYTES || bytes.readUInt32LE(0) !== length) return undefined
  return {
    opcode: bytes.readUInt32LE(4),
    unique: readU64(bytes, 8),
    nodeId: readU64(bytes, 16),
    uid: bytes.readUInt32LE(24),
    gid: bytes.readUInt32LE(28),
    pid: bytes.readUInt32LE(32),
    body: bytes.subarray(REQUEST_HEADER_BYTES, length),
  }
}

/** Who asks, for the rules of the volume. */
export type Caller = (request: Request) => Credentials
