import { crc32, maskCrc } from './crc.ts'
import { ByteReader, ByteWriter } from './varint.ts'

/**
 * The superblock at the head of a table generation, and the label of a medium that is not home: which volume this medium
 * belongs to and as what. The bytes are drawn in FORMAT.md, "Superblock and label".
 */

export const FORMAT_VERSION = 1
/** Feature bits that this code knows. */
export const COMPAT = 0
export const RO_COMPAT = 0
export const INCOMPAT = 0

const MAGIC = Buffer.from([0x89, 0x50, 0x66, 0x41, 0x6f, 0x0d, 0x0a, 0x1a])
export const MEDIA_MAX = 255
export const NAME_BYTES_MAX = 255

/** One medium of a volume, as the superblock lists it. Its number is its place in the list. */
export interface MediumRecord {
  readonly name: string
  /** `Medium.id`. */
  readonly id: string
  readonly home: boolean
  readonly alignBytes: number
}

export interface Superblock {
  readonly version: number
  readonly compat: number
  readonly roCompat: number
  readonly incompat: number
  /** 16 bytes. */
  readonly volumeId: Uint8Array
  readonly generation: number
  readonly epoch: number
  readonly medium: number
  readonly media: readonly MediumRecord[]
}

export type SuperblockFault = 'magic' | 'checksum' | 'version' | 'fields'

/** The salt of the location seeds of a volume. */
export function saltOf(volumeId: Uint8Array): number {
  return (volumeId[0]! | (volumeId[1]! << 8) | (volumeId[2]! << 16) | (volumeId[3]! << 24)) >>> 0
}

/** The volume id as text: 32 hexadecimal digits. */
export function volumeIdText(volumeId: Uint8Array): string {
  return Buffer.from(volumeId).toString('hex')
}

export function encodeSuperblock(block: Superblock): Buffer {
  const out = new ByteWriter().raw(MAGIC).u16(block.version).u16(0).u32(block.compat).u32(block.roCompat)
  out.u32(block.incompat).raw(block.volumeId).u32(block.generation).u32(block.epoch).u8(block.medium)
  out.varint(block.media.length)
  for (const medium of block.media) {
    out.text(medium.name).text(medium.id)
    out.u8(medium.home ? 1 : 0).varint(medium.alignBytes)
  }
  return out.u32(maskCrc(crc32(out.take()))).take()
}

/** Never throws on input. A newer version is the verdict 'version' when its checksum holds. */
export function decodeSuperblock(bytes: Buffer): Superblock | { fault: SuperblockFault; version?: number } {
  if (bytes.length < 54 || !bytes.subarray(0, 8).equals(MAGIC)) return { fault: 'magic' }
  const body = bytes.length - 4
  if (maskCrc(crc32(bytes.subarray(0, body))) !== bytes.readUInt32LE(body)) return { fault: 'checksum' }
  const input = new ByteReader(bytes, 8, body)
  const version = input.u16()
  if (version !== FORMAT_VERSION) return { fault: 'version', version }
  input.u16()
  const compat = input.u32()
  const roCompat = input.u32()
  const incompat = input.u32()
  const volumeId = new Uint8Array(input.raw(16))
  const generation = input.u32()
  const epoch = input.u32()
  const medium = input.u8()
  const count = input.count(4)
  const media: MediumRecord[] = []
  for (let i = 0; i < count && input.ok; i++) {
    const name = input.text(NAME_BYTES_MAX)
    const id = input.text(NAME_BYTES_MAX)
    const home = input.u8()
    const alignBytes = input.varint()
    if (home > 1 || alignBytes < 8 || alignBytes > 1 << 30) return { fault: 'fields' }
    media.push({ name, id, home: home === 1, alignBytes })
  }
  if (!input.ok || input.left !== 0 || medium >= media.length || media.length > MEDIA_MAX) return { fault: 'fields' }
  return { version, compat, roCompat, incompat, volumeId, generation, epoch, medium, media }
}
