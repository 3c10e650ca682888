import { ByteReader, ByteWriter } from '@vivefs/pfaof'
import { getReferences, putReferences } from '../blob/blob-references.ts'
import { COMPRESSIONS, type Compression } from '../block/compression.ts'
import type { TableMeta } from '../table-meta.ts'

/** What a table says of itself: enough to rebuild a lost manifest. Drawn in FORMAT.md ("Properties"). */
export interface TableProperties extends Omit<TableMeta, 'bytes'> {
  readonly blocks: number
  readonly blockBytes: number
  readonly restartInterval: number
  readonly compression: Compression
  /** Length of the prefixes in the prefix filter; 0 = it has none. */
  readonly prefixBytes: number
}

const KEY_BYTES_MAX = 65_536

export function encodeProperties(properties: TableProperties): Buffer {
  const writer = new ByteWriter()
  const { number, createdMs, entries, deletions, rangeDeletions, rawBytes, smallestSequence, largestSequence } =
    properties
  const { blocks, blockBytes, restartInterval, compression, prefixBytes, largestIncluded, smallest, largest } =
    properties
  for (const value of [
    number,
    createdMs,
    entries,
    deletions,
    rangeDeletions,
    rawBytes,
    smallestSequence,
    largestSequence,
    blocks,
    blockBytes,
    restartInterval,
    COMPRESSIONS.indexOf(compression),
    prefixBytes,
  ])
    writer.varint(value)
  writer.u8(largestIncluded ? 1 : 0)
  writer.varint(smallest.length).raw(smallest).varint(largest.length).raw(largest)
  if (properties.blobs !== undefined) putReferences(writer, properties.blobs)
  return writer.take()
}

/** Undefined: these bytes are no properties. Copies the keys. */
export function decodeProperties(bytes: Buffer): TableProperties | undefined {
  const reader = new ByteReader(bytes)
  const number = reader.varint()
  const createdMs = reader.varint()
  const entries = reader.varint()
  const deletions = reader.varint()
  const rangeDeletions = reader.varint()
  const rawBytes = reader.varint()
  const smallestSequence = reader.varint()
  const largestSequence = reader.varint()
  const blocks = reader.varint()
  const blockBytes = reader.varint()
  const restartInterval = reader.varint()
  const compression = COMPRESSIONS[reader.varint()]
  const prefixBytes = reader.varint()
  const included = reader.u8()
  const smallestBytes = reader.varint()
  const smallest = Buffer.from(reader.raw(Math.min(smallestBytes, KEY_BYTES_MAX + 1)))
  const largestBytes = reader.varint()
  const largest = Buffer.from(reader.raw(Math.min(largestBytes, KEY_BYTES_MAX + 1)))
  const blobs = reader.left > 0 ? getReferences(reader) : undefined
  if (!reader.ok || compression === undefined || included > 1) return undefined
  if (smallest.length !== smallestBytes || largest.length !== largestBytes) return undefined
  return {
    number,
    createdMs,
    entries,
    deletions,
    rangeDeletions,
    rawBytes,
    smallestSequence,
    largestSequence,
    blocks,
    blockBytes,
    restartInterval,
    compression,
    prefixBytes,
    largestIncluded: included === 1,
    smallest,
    largest,
    ...(blobs === undefined ? {} : { blobs }),
  }
}
