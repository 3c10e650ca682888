/**
 * Append-only files on storage media: checksummed chunks, recovery from any crash, reclaim, moving between media.
 * The bytes are in FORMAT.md, the guarantees in README.md.
 *
 * @packageDocumentation
 */

export { type AppendFile, RECORD_BYTES_MAX } from './append-file.ts'
export { type ChunkFault, type ChunkHeader, decodeChunkHead, encodeChunkHead } from './chunk.ts'
export { crc32, crc32Fallback, maskCrc } from './crc.ts'
export { isPfaofError, PfaofError, type PfaofErrorCode } from './error.ts'
export type { MediaByName } from './medium-set.ts'
export type { MoveOptions, ReclaimOptions } from './mover.ts'
export { type Op, pending, runAsync, runSync, SyncUnavailableError, Wait, wait } from './op.ts'
export type { ScrubFinding, ScrubOptions } from './scrub.ts'
export type { SnapshotInfo } from './snapshot.ts'
export type { ExtentInfo, FileInfo, MediumStatus } from './status.ts'
export { FORMAT_VERSION } from './superblock.ts'
export { Turn } from './turn.ts'
export { ByteReader, ByteWriter } from './varint.ts'
export {
  type CreateFileOptions,
  type CreateVolumeOptions,
  type OpenVolumeOptions,
  Volume,
  type VolumeOptions,
} from './volume.ts'
