import { ByteReader, ByteWriter } from '@vivefs/pfaof'
import { VALUE_FILE_KINDS, type ValueFileKind } from '../blob/blob-pointer.ts'
import { getReferences, putReferences } from '../blob/blob-references.ts'
import type { Bytes } from '../bytes.ts'
import type { TableMeta } from '../table-meta.ts'

/** Edits of the tree and their codec. The bytes are drawn in FORMAT.md, "Manifest". Tags are never renumbered. */

/** A named snapshot that survives the process. */
export interface PersistentSnapshot {
  readonly name: string
  readonly sequence: number
  readonly createdMs: number
}

/** A log or blob file with values that tables refer to. */
export interface BlobFileMeta {
  /** Never used twice in a database; name and kind are those of the file. */
  readonly number: number
  readonly kind: ValueFileKind
  /** Size of the file. */
  readonly bytes: number
  /** Milliseconds since 1970: when the oldest of its values was flushed. */
  readonly createdMs: number
}

/** A table where loss of power takes it, and the logs that have its entries: from `firstLog` to before `endLog`. */
export interface VolatileTable {
  readonly table: number
  readonly firstLog: number
  readonly endLog: number
}

/** A log that is needed, and how much of it survives loss of power: a recovery that does not find that much has met damage. */
export interface DurableLog {
  readonly number: number
  /** Greater than 0. */
  readonly bytes: number
}

/** What changes from one version to the next, all of it or nothing. */
export interface VersionEdit {
  /** Starts from an empty tree: the first edit of a manifest, and no other. */
  readonly base?: boolean
  readonly added?: readonly { readonly level: number; readonly meta: TableMeta }[]
  /** Files with values. They go by themselves with the edit after which no table refers to them. */
  readonly blobs?: readonly BlobFileMeta[]
  readonly removed?: readonly { readonly level: number; readonly number: number }[]
  /** Every sequence number in a table is at most this. */
  readonly lastSequence?: number
  /** Every file number in use is below. */
  readonly nextNumber?: number
  /** Logs with a smaller number are not needed any more. */
  readonly logNumber?: number
  /** Of the tables added, those on volatile media: their logs stay until they are removed. */
  readonly volatile?: readonly VolatileTable[]
  /** Logs of which more is durable than was known. They are forgotten by themselves with the edit after which they are not needed. */
  readonly logs?: readonly DurableLog[]
  readonly pinned?: readonly PersistentSnapshot[]
  readonly unpinned?: readonly string[]
  /** Name of the merge operator that the database is written with. */
  readonly mergeOperator?: string
}

const BASE = 1
const LAST_SEQUENCE = 2
const NEXT_NUMBER = 3
const LOG_NUMBER = 4
const ADDED = 5
const REMOVED = 6
const PINNED = 7
const UNPINNED = 8
const MERGE_OPERATOR = 9
const ADDED_WITH_REFERENCES = 10
const BLOB_FILE = 11
const VOLATILE = 12
/** Unknown tags from here on may be skipped. */
const SKIPPABLE = 128
const DURABLE_LOG = 128

export const NAME_BYTES_MAX = 1024
export const KEY_BYTES_MAX = 65_536

function putBytes(out: ByteWriter, bytes: Bytes): void {
  out.varint(bytes.length).raw(bytes)
}

function putMeta(out: ByteWriter, meta: TableMeta): void {
  out.varint(meta.number).varint(meta.bytes)
  putBytes(out, meta.smallest)
  putBytes(out, meta.largest)
  out.u8(meta.largestIncluded ? 1 : 0)
  out.varint(meta.smallestSequence).varint(meta.largestSequence)
  out.varint(meta.entries).varint(meta.deletions).varint(meta.rangeDeletions)
  out.varint(meta.rawBytes).varint(meta.createdMs)
}

/** The payload of one manifest record. The caller owns the result. */
export function encodeEdit(edit: VersionEdit): Buffer {
  const out = new ByteWriter()
  const field = (tag: number, put?: (body: ByteWriter) => void): void => {
    const body = new ByteWriter()
    put?.(body)
    out.u8(tag).varint(body.length).raw(body.take())
  }
  const number = (tag: number, value: number | undefined): void => {
    if (value !== undefined) field(tag, (body) => body.varint(value))
  }
  if (edit.base === true) field(BASE)
  number(LAST_SEQUENCE, edit.lastSequence)
  number(NEXT_NUMBER, edit.nextNumber)
  number(LOG_NUMBER, edit.logNumber)
  for (const { level, number: removed } of edit.removed ?? []) {
    field(REMOVED, (body) => body.u8(level).varint(removed))
  }
  for (const { number: file, kind, bytes, createdMs } of edit.blobs ?? []) {
    field(BLOB_FILE, (body) => body.varint(file).u8(VALUE_FILE_KINDS.indexOf(kind)).varint(bytes).varint(createdMs))
  }
  for (const { level, meta } of edit.added ?? []) {
    const { blobs } = meta
    field(blobs === undefined ? ADDED : ADDED_WITH_REFERENCES, (body) => {
      putMeta(body.u8(level), meta)
      if (blobs !== undefined) putReferences(body, blobs)
    })
  }
  for (const { table, firstLog, endLog } of edit.volatile ?? []) {
    field(VOLATILE, (body) => body.varint(table).varint(firstLog).varint(endLog))
  }
  for (const { number: log, bytes } of edit.logs ?? []) field(DURABLE_LOG, (body) => body.varint(log).varint(bytes))
  for (const name of edit.unpinned ?? []) field(UNPINNED, (body) => body.text(name))
  for (const { name, sequence, createdMs } of edit.pinned ?? []) {
    field(PINNED, (body) => body.text(name).varint(sequence).varint(createdMs))
  }
  const { mergeOperator } = edit
  if (mergeOperator !== undefined) field(MERGE_OPERATOR, (body) => body.text(mergeOperator))
  return out.take()
}

function getKey(input: ByteReader): Buffer {
  const length = input.varint()
  if (length > KEY_BYTES_MAX) input.ok = false
  return Buffer.from(input.raw(length))
}

function getMeta(input: ByteReader): TableMeta {
  const number = input.varint()
  const bytes = input.varint()
  const smallest = getKey(input)
  const largest = getKey(input)
  const included = input.u8()
  if (included > 1) input.ok = false
  return {
    number,
    bytes,
    smallest,
    largest,
    largestIncluded: included === 1,
    smallestSequence: input.varint(),
    largestSequence: input.varint(),
    entries: input.varint(),
    deletions: input.varint(),
    rangeDeletions: input.varint(),
    rawBytes: input.varint(),
    createdMs: input.varint(),
  }
}

function getBlobFile(input: ByteReader): BlobFileMeta {
  const number = input.varint()
  const kind = VALUE_FILE_KINDS[input.u8()]
  if (kind === undefined) input.ok = false
  return { number, kind: kind ?? 'log', bytes: input.varint(), createdMs: input.varint() }
}

/** An edit while it is read. */
type Draft = {
  -readonly [K in keyof VersionEdit]: VersionEdit[K] extends readonly (infer T)[] | undefined ? T[] : VersionEdit[K]
}

/** False: the tag is not known. */
function readField(tag: number, body: ByteReader, edit: Draft): boolean {
  switch (tag) {
    case BASE:
      edit.base = true
      return true
    case LAST_SEQUENCE:
      edit.lastSequence = body.varint()
      return true
    case NEXT_NUMBER:
      edit.nextNumber = body.varint()
      return true
    case LOG_NUMBER:
      edit.logNumber = body.varint()
      return true
    case ADDED: {
      edit.added ??= []
      edit.added.push({ level: body.u8(), meta: getMeta(body) })
      return true
    }
    case ADDED_WITH_REFERENCES: {
      edit.added ??= []
      const level = body.u8()
      const meta = getMeta(body)
      edit.added.push({ level, meta: { ...meta, blobs: getReferences(body) } })
      return true
    }
    case BLOB_FILE: {
      edit.blobs ??= []
      edit.blobs.push(getBlobFile(body))
      return true
    }
    case REMOVED: {
      edit.removed ??= []
      edit.removed.push({ level: body.u8(), number: body.varint() })
      return true
    }
    case VOLATILE: {
      edit.volatile ??= []
      edit.volatile.push({ table: body.varint(), firstLog: body.varint(), endLog: body.varint() })
      return true
    }
    case DURABLE_LOG: {
      edit.logs ??= []
      edit.logs.push({ number: body.varint(), bytes: body.varint() })
      return true
    }
    case PINNED: {
      edit.pinned ??= []
      edit.pinned.push({ name: body.text(NAME_BYTES_MAX), sequence: body.varint(), createdMs: body.varint() })
      return true
    }
    case UNPINNED: {
      edit.unpinned ??= []
      edit.unpinned.push(body.text(NAME_BYTES_MAX))
      return true
    }
    case MERGE_OPERATOR:
      edit.mergeOperator = body.text(NAME_BYTES_MAX)
      return true
    default:
      return false
  }
}

/** Reads a payload. Never throws on input; the verdict is the edit or the fault. Keys are copies. */
export function decodeEdit(payload: Buffer): VersionEdit | { fault: string } {
  const edit: Draft = {}
  const input = new ByteReader(payload)
  while (input.left > 0) {
    const tag = input.u8()
    const body = new ByteReader(input.raw(input.varint()))
    if (!input.ok) return { fault: 'a field is cut short' }
    if (readField(tag, body, edit)) {
      if (!body.ok || body.left !== 0) return { fault: `field ${tag} does not decode` }
    } else if (tag < SKIPPABLE) return { fault: `field ${tag} is unknown and may not be skipped` }
  }
  return edit
}
