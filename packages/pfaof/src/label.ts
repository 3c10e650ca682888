import { FIRST, LAST } from './chunk.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import { PfaofError } from './error.ts'
import type { Op } from './op.ts'
import { decodeSuperblock, encodeSuperblock, FORMAT_VERSION, type Superblock } from './superblock.ts'
import type { VolumeMedium } from './volume-medium.ts'
import { labelSeed, type ZoneWriter } from './zone-writer.ts'

/** Superblocks and labels in zones: two copies, one chunk each (FORMAT.md, "Superblock and label"). */

export const SUPERBLOCK_FILE = 1
export const TABLE_FILE = 2
export const LABEL_FILE = 3

/** The two zones of a home medium that hold table generations in turn. A label lies in the first. */
export const ANCHORS: readonly [number, number] = [0, 1]

/** How far into a zone the second copy is looked for when the first is damaged. */
const COPY_SEARCH_BYTES = 256 << 10

export interface FoundLabel {
  readonly superblock: Superblock
  readonly zone: number
  /** Where the chunks after the copies start. */
  readonly end: number
}

/** Writes both copies at the start of an empty zone. */
export function* writeLabel(writer: ZoneWriter, block: Superblock, fileId: number): Op<void> {
  const payload = encodeSuperblock(block)
  if (payload.length > writer.payloadMax) {
    throw new PfaofError('PFAOF_MEDIUM_UNFIT', `a superblock does not fit into a zone of ${writer.medium.name}`)
  }
  for (let copy = 0; copy < 2; copy++) {
    const header = { flags: FIRST | LAST, fileId, ordinal: copy, fileOffset: copy * payload.length, syncedOffset: 0 }
    yield* writer.append({ ...header, payloadBytes: payload.length }, [payload], false)
  }
}

/**
 * Reads the superblock or label at the start of a zone from whichever copy is sound; undefined when there is none. Refuses what a
 * newer version wrote (PFAOF_FORMAT).
 */
export function* readLabel(medium: VolumeMedium, zone: number): Op<FoundLabel | undefined> {
  const limit = Math.min(medium.scanLimit(zone), COPY_SEARCH_BYTES)
  const source = {
    alignBytes: medium.alignBytes,
    read: (offset: number, into: Uint8Array) => medium.read(zone, offset, into),
    seed: (offset: number) => labelSeed(zone, offset),
  }
  const cursor = new ChunkCursor(source, 0, limit)
  for (;;) {
    const verdict = yield* cursor.next((header) => header.fileId === SUPERBLOCK_FILE || header.fileId === LABEL_FILE)
    if (verdict.kind === 'end') return undefined
    if (verdict.kind === 'bad') {
      if (!(yield* cursor.resync())) return undefined
      continue
    }
    const { header, payload, payloadOk } = verdict
    const ours = header.fileId === SUPERBLOCK_FILE || header.fileId === LABEL_FILE
    if (!ours || !payloadOk || header.ordinal > 1) continue
    const block = decodeSuperblock(payload)
    if ('fault' in block) {
      if (block.fault !== 'version') continue
      throw new PfaofError('PFAOF_FORMAT', `format version ${block.version}; this code knows ${FORMAT_VERSION}`)
    }
    const sizes = medium.alignBytes
    const copyBytes = cursor.at - verdict.at
    return {
      superblock: block,
      zone,
      end: Math.ceil((cursor.at + (header.ordinal === 0 ? copyBytes : 0)) / sizes) * sizes,
    }
  }
}
