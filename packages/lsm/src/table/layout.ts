import { crc32, maskCrc } from '@vivefs/pfaof'

/** Header and footer of a table file, drawn in FORMAT.md ("Table"). */
export const MAGIC: Buffer = Buffer.from([0x89, 0x76, 0x4c, 0x54, 0x0d, 0x0a, 0x1a, 0x0a])
export const TABLE_VERSION = 1
export const HEADER_BYTES = 16
export const FOOTER_BYTES = 64
/** Tables are smaller than this. */
export const TABLE_BYTES_MAX: number = 2 ** 32
const CRC_AT = 52
const INCOMPAT_AT = 44
const VERSION_AT = 48

/** Where a block lies in the file, trailer included; 0 bytes = there is none. */
export interface BlockPlace {
  offset: number
  bytes: number
}

export interface Footer {
  properties: BlockPlace
  index: BlockPlace
  rangeTombstones: BlockPlace
  filter: BlockPlace
  prefixFilter: BlockPlace
}

/** Why a footer is refused: damage, or a version or feature of a later code. */
export type FooterFault = { damage: string } | { later: string }

export function encodeHeader(number: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt16LE(TABLE_VERSION, 8)
  header.writeUInt32LE(number, 12)
  return header
}

export function encodeFooter(footer: Footer): Buffer {
  const bytes = Buffer.alloc(FOOTER_BYTES)
  let at = 0
  for (const place of placesOf(footer)) {
    at = bytes.writeUInt32LE(place.offset, at)
    at = bytes.writeUInt32LE(place.bytes, at)
  }
  bytes.writeUInt16LE(TABLE_VERSION, VERSION_AT)
  bytes.writeUInt32LE(maskCrc(crc32(bytes.subarray(0, CRC_AT))), CRC_AT)
  MAGIC.copy(bytes, FOOTER_BYTES - MAGIC.length)
  return bytes
}

/** Where everything behind the data blocks begins. */
export function endOffset(footer: Footer): number {
  return Math.min(...placesOf(footer).flatMap(({ offset, bytes }) => (bytes > 0 ? [offset] : [])))
}

function placesOf(footer: Footer): BlockPlace[] {
  return [footer.properties, footer.index, footer.rangeTombstones, footer.filter, footer.prefixFilter]
}

/** The footer in the last 64 bytes of a file of `fileBytes`. */
export function decodeFooter(bytes: Buffer, fileBytes: number): Footer | FooterFault {
  if (bytes.length !== FOOTER_BYTES || !bytes.subarray(FOOTER_BYTES - MAGIC.length).equals(MAGIC))
    return { damage: 'no footer' }
  if (bytes.readUInt32LE(CRC_AT) !== maskCrc(crc32(bytes.subarray(0, CRC_AT))))
    return { damage: 'checksum of the footer' }
  const version = bytes.readUInt16LE(VERSION_AT)
  if (version !== TABLE_VERSION) return { later: `version ${version}; this code reads ${TABLE_VERSION}` }
  const features = bytes.readUInt32LE(INCOMPAT_AT)
  if (features !== 0) return { later: `features 0x${features.toString(16)}; this code knows 0x0` }
  const place = (at: number): BlockPlace => ({ offset: bytes.readUInt32LE(at), bytes: bytes.readUInt32LE(at + 4) })
  const footer: Footer = {
    properties: place(0),
    index: place(8),
    rangeTombstones: place(16),
    filter: place(24),
    prefixFilter: place(32),
  }
  for (const { offset, bytes: length } of placesOf(footer)) {
    const none = offset === 0 && length === 0
    if (!none && (offset < HEADER_BYTES || offset + length > fileBytes - FOOTER_BYTES))
      return { damage: 'places in the footer' }
  }
  if (footer.properties.bytes === 0 || footer.index.bytes === 0) return { damage: 'places in the footer' }
  return footer
}
