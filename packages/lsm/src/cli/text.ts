import { type BlobPointer, readPointer } from '../blob/blob-pointer.ts'
import { BLOB, DELETE, type Kind, MERGE, PUT, RANGE_DELETE } from '../kind.ts'
import { fileName } from '../storage/storage.ts'

const KINDS: Readonly<Record<number, string>> = {
  [DELETE]: 'del',
  [PUT]: 'put',
  [MERGE]: 'merge',
  [BLOB]: 'put',
  [RANGE_DELETE]: 'deleteRange',
}
/** Longer values are cut in text; JSON has all of them. */
const SHOWN_BYTES = 60

export function kindText(kind: Kind): string {
  return KINDS[kind] ?? `kind ${kind}`
}

/** Printable ASCII as it is, other bytes as `\xNN`. */
export function bytesText(bytes: Uint8Array, most = SHOWN_BYTES): string {
  let text = ''
  for (const byte of bytes.subarray(0, most)) {
    const printable = byte >= 0x20 && byte < 0x7f && byte !== 0x5c
    text += printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return bytes.length > most ? `${text}... (${bytes.length} bytes)` : text
}

const placeOf = ({ kind, file, offset, length }: BlobPointer) => ({ file: fileName(kind, file), offset, bytes: length })

export interface EntryText {
  readonly sequence: number
  readonly kind: Kind
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** Where the value lies, of an entry whose value is a pointer. */
function pointerIn({ kind, value }: EntryText): BlobPointer | undefined {
  return kind === BLOB && value !== undefined ? readPointer(Buffer.from(value), 0, value.length) : undefined
}

/** One entry as a line; in JSON keys and values are base64, and a value that lies elsewhere is where it lies. */
export function entryLine(entry: EntryText, json: boolean): string {
  const { sequence, kind, key, value } = entry
  const pointer = pointerIn(entry)
  if (json) {
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
    const more = value === undefined ? {} : pointer === undefined ? { value: base64(value) } : { in: placeOf(pointer) }
    return JSON.stringify({ sequence, kind: kindText(kind), key: base64(key), ...more })
  }
  if (pointer !== undefined) {
    const { file, offset, bytes } = placeOf(pointer)
    return `${sequence} ${kindText(kind)} ${bytesText(key)} = ${bytes} bytes at ${offset} of ${file}`
  }
  return `${sequence} ${kindText(kind)} ${bytesText(key)}${value === undefined ? '' : ` = ${bytesText(value)}`}`
}

export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let size = bytes / 1024
  let unit = 0
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return `${size.toFixed(1)} ${units[unit]}`
}
