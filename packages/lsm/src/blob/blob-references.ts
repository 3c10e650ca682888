import type { ByteReader, ByteWriter } from '@vivefs/pfaof'
import { entryBytes } from '../batch/entry.ts'
import { PUT } from '../kind.ts'
import { readPointer, VALUE_FILE_KINDS, type ValueFileKind } from './blob-pointer.ts'

/** What the entries of one table refer to in one file. */
export interface BlobReference {
  readonly file: number
  readonly kind: ValueFileKind
  readonly values: number
  /** Of their entries there: key, lengths and value. */
  readonly bytes: number
}

/** Files that one table can refer to: more is damage. */
const FILES_MAX = 1 << 20

/** Counts, entry by entry, what a table refers to. */
export class ReferenceCounter {
  readonly #files = new Map<number, { file: number; kind: ValueFileKind; values: number; bytes: number }>()

  /** The key's length and the value of an entry of kind BLOB. Something else is an error of the caller. */
  add(keyBytes: number, bytes: Buffer, start: number, end: number): void {
    const pointer = readPointer(bytes, start, end)
    if (pointer === undefined) throw new TypeError('the value of a blob entry is no pointer')
    const { file, kind } = pointer
    const length = entryBytes(PUT, keyBytes, pointer.length)
    const known = this.#files.get(file)
    if (known === undefined) this.#files.set(file, { file, kind, values: 1, bytes: length })
    else {
      known.values++
      known.bytes += length
    }
  }

  /** By number of the file. */
  take(): BlobReference[] {
    return [...this.#files.values()].sort((a, b) => a.file - b.file)
  }
}

export function putReferences(out: ByteWriter, references: readonly BlobReference[]): void {
  out.varint(references.length)
  for (const { file, kind, values, bytes } of references) {
    out.varint(file).u8(VALUE_FILE_KINDS.indexOf(kind)).varint(values).varint(bytes)
  }
}

/** On damage `input.ok` is false. */
export function getReferences(input: ByteReader): BlobReference[] {
  const references: BlobReference[] = []
  const count = input.varint()
  if (count > FILES_MAX) input.ok = false
  for (let i = 0; i < count && input.ok; i++) {
    const file = input.varint()
    const kind = VALUE_FILE_KINDS[input.u8()]
    const values = input.varint()
    const bytes = input.varint()
    if (kind === undefined) input.ok = false
    else references.push({ file, kind, values, bytes })
  }
  return references
}
