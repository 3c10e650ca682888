/** The stream of a snapshot (FORMAT.md, "Stream"): framed, every record's checksum stands on the one before. */
import { crc32 } from 'node:zlib'
import { Packr } from 'msgpackr'
import { ViveError } from '../errors.ts'
import { isCount, isMap } from '../format/record.ts'
import type { Features } from '../format/superblock.ts'
import type { Bytes } from '../store/store.ts'

const MAGIC = Buffer.from('VIVESND1')
const HEADER_BYTES = 9
/** Larger records are not written, and not read. */
const RECORD_BYTES_MAX = 80 << 20

export const RecordType = { begin: 1, rows: 2, end: 3 } as const

export interface StreamSnapshot {
  readonly tag: number
  readonly name: string
  readonly createdMs: number
  readonly nextIno: number
  readonly inodes: number
  readonly dataBytes: number
}

export interface StreamBegin {
  readonly format: number
  readonly volumeId: string
  readonly extentBytes: number
  readonly nameSeedHigh: number
  readonly nameSeedLow: number
  readonly label: string
  readonly features: Features
  /** What the receiver has already. */
  readonly from?: StreamSnapshot
  readonly to: StreamSnapshot
}

export interface StreamEnd {
  readonly rows: number
  readonly bytes: number
}

/** A row, or (`value` undefined) that it is gone. */
export interface StreamRow {
  readonly key: Bytes
  readonly value: Bytes | undefined
}

const packr = new Packr({ useRecords: false, variableMapSize: true })

/** Frames records. */
export class RecordWriter {
  #crc = 0

  magic(): Buffer {
    return Buffer.from(MAGIC)
  }

  map(type: number, value: object): Buffer {
    return this.record(type, packr.pack(value))
  }

  record(type: number, body: Buffer): Buffer {
    const header = Buffer.alloc(HEADER_BYTES)
    header[0] = type
    header.writeUInt32BE(body.length, 1)
    this.#crc = chain(header, body, this.#crc)
    header.writeUInt32BE(this.#crc, 5)
    return Buffer.concat([header, body])
  }
}

function chain(header: Buffer, body: Buffer, before: number): number {
  const previous = Buffer.alloc(4)
  previous.writeUInt32BE(before)
  return crc32(body, crc32(previous, crc32(header.subarray(0, 5))))
}

export const damagedStream = (what: string): ViveError =>
  new ViveError('ERR_VIVEFS_CORRUPTION', `the stream of a snapshot is damaged: ${what}`)

/** The records of a stream of bytes. Errors: ERR_VIVEFS_CORRUPTION. */
export async function* readRecords(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly type: number; readonly body: Buffer }, void> {
  const reader = new ByteReader(source)
  const magic = await reader.take(MAGIC.length)
  if (magic === undefined || !magic.equals(MAGIC)) throw damagedStream('it does not begin as one')
  for (let crc = 0; ; ) {
    const header = await reader.take(HEADER_BYTES)
    if (header === undefined) throw damagedStream('it is cut off')
    const length = header.readUInt32BE(1)
    if (length > RECORD_BYTES_MAX) throw damagedStream('a record is too long')
    const body = await reader.take(length)
    if (body === undefined) throw damagedStream('it is cut off')
    crc = chain(header, body, crc)
    if (crc !== header.readUInt32BE(5)) throw damagedStream('a checksum is wrong')
    yield { type: header[0]!, body }
    if (header[0] === RecordType.end) return
  }
}

/** Takes so many bytes from pieces of any size. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  #pieces: Buffer[] = []
  #bytes = 0

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Undefined at the end. */
  async take(bytes: number): Promise<Buffer | undefined> {
    while (this.#bytes < bytes) {
      const next = await this.#source.next()
      if (next.done === true) return undefined
      this.#pieces.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength))
      this.#bytes += next.value.byteLength
    }
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces)
    this.#pieces = [whole.subarray(bytes)]
    this.#bytes = whole.length - bytes
    return whole.subarray(0, bytes)
  }
}

const isSnapshot = (value: unknown): value is StreamSnapshot =>
  isMap(value) &&
  typeof value.name === 'string' &&
  [value.tag, value.createdMs, value.nextIno, value.inodes, value.dataBytes].every(isCount)

const isBegin = (value: unknown): value is StreamBegin =>
  isMap(value) &&
  isCount(value.format) &&
  /^[0-9a-f]{32}$/.test(String(value.volumeId)) &&
  isCount(value.extentBytes) &&
  Number.isInteger(value.nameSeedHigh) &&
  Number.isInteger(value.nameSeedLow) &&
  typeof value.label === 'string' &&
  isMap(value.features) &&
  [value.features.compat, value.features.roCompat, value.features.incompat].every(isCount) &&
  isSnapshot(value.to) &&
  (value.from === undefined || isSnapshot(value.from))

const isEnd = (value: unknown): value is StreamEnd => isMap(value) && isCount(value.rows) && isCount(value.bytes)

function unpack<T>(body: Buffer, shape: (value: unknown) => value is T): T {
  let value: unknown
  try {
    value = packr.unpack(body)
  } catch {
    // Told below.
  }
  if (!shape(value)) throw damagedStream('a record has another shape')
  return value
}

export const decodeBegin = (body: Buffer): StreamBegin => unpack(body, isBegin)
export const decodeEnd = (body: Buffer): StreamEnd => unpack(body, isEnd)

const GONE = 0xffff_ffff

export function encodeRow({ key, value }: StreamRow): Buffer {
  const row = Buffer.allocUnsafe(6 + key.length + (value?.length ?? 0))
  row.writeUInt16BE(key.length, 0)
  row.writeUInt32BE(value?.length ?? GONE, 2)
  row.set(key, 6)
  if (value !== undefined) row.set(value, 6 + key.length)
  return row
}

export function decodeRows(body: Buffer): StreamRow[] {
  const rows: StreamRow[] = []
  for (let at = 0; at < body.length; ) {
    if (at + 6 > body.length) throw damagedStream('a row is cut off')
    const keyEnd = at + 6 + body.readUInt16BE(at)
    const length = body.readUInt32BE(at + 2)
    const end = keyEnd + (length === GONE ? 0 : length)
    if (end > body.length) throw damagedStream('a row is cut off')
    // Copies: the store keeps them, and a record is large.
    const value = length === GONE ? undefined : Buffer.from(body.subarray(keyEnd, end))
    rows.push({ key: Buffer.from(body.subarray(at + 6, keyEnd)), value })
    at = end
  }
  return rows
}
