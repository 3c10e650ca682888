/**
 * Values on their way through a port: what structured clone does not keep (classes, errors with their fields, URLs) is
 * told by a tag. Buffers travel as bytes of their own and are transferred.
 */
import nodeFs from 'node:fs'
import { constants } from 'node:os'
import { FilesystemError } from '../errors.ts'
import { Dirent } from '../face/dirent.ts'
import { isStats, reviveStats } from '../face/stats.ts'

const TAG = '\0vivefs'

interface Tagged {
  readonly [TAG]: string
  readonly value: unknown
}

const isTagged = (value: unknown): value is Tagged => typeof value === 'object' && value !== null && TAG in value
const tagged = (tag: string, value: unknown): Tagged => ({ [TAG]: tag, value })

/** Collects what is to be transferred with a message. */
export type Transfer = ArrayBuffer[]

const kindsOfEntry = [
  ['isFile', 0o100_000],
  ['isDirectory', 0o040_000],
  ['isSymbolicLink', 0o120_000],
  ['isFIFO', 0o010_000],
  ['isSocket', 0o140_000],
  ['isBlockDevice', 0o060_000],
  ['isCharacterDevice', 0o020_000],
] as const

/** A copy of the bytes in a buffer of its own, which goes over to the other side. */
function ownBytes(view: ArrayBufferView, transfer: Transfer): Uint8Array {
  const bytes = new Uint8Array(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  transfer.push(bytes.buffer)
  return bytes
}

/** Throws DataCloneError, later, for what cannot be cloned: functions, symbols. */
export function pack(value: unknown, transfer: Transfer): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Buffer.isBuffer(value)) return tagged('buffer', ownBytes(value, transfer))
  if (ArrayBuffer.isView(value)) return ownBytes(value, transfer)
  if (Array.isArray(value)) return value.map((each) => pack(each, transfer))
  if (value instanceof URL) return tagged('url', value.href)
  if (value instanceof Date) return value
  if (value instanceof Error) return packError(value)
  if (value instanceof nodeFs.Dirent) {
    const type = kindsOfEntry.find(([name]) => value[name]())?.[1] ?? 0
    return tagged('dirent', { name: pack(value.name, transfer), parent: pack(value.parentPath, transfer), type })
  }
  if (isStats(value)) return tagged('stats', { ...value })
  if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, pack(each, transfer)]))
}

export function unpack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(unpack)
  if (ArrayBuffer.isView(value) || value instanceof Date) return value
  if (!isTagged(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unpack(each)]))
  const inner = value.value
  switch (value[TAG]) {
    case 'buffer': {
      const { buffer, byteOffset, byteLength } = inner as Uint8Array<ArrayBuffer>
      return Buffer.from(buffer, byteOffset, byteLength)
    }
    case 'url':
      return new URL(inner as string)
    case 'error':
      return unpackError(inner as PackedError)
    case 'stats':
      return reviveStats(inner as object)
    default: {
      const { name, parent, type } = inner as { name: unknown; parent: unknown; type: number }
      return new Dirent(unpack(name) as string, unpack(parent) as string, type)
    }
  }
}

interface PackedError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly fields: Readonly<Record<string, unknown>>
}

function packError(error: Error): Tagged {
  const { name, message, stack } = error
  const fields: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(error)) {
    if (['string', 'number', 'boolean'].includes(typeof value)) fields[key] = value
    else if (key === 'info') fields[key] = { ...(value as object) }
  }
  return tagged('error', { name, message, stack, fields })
}

const makers: Readonly<Record<string, new (message: string) => Error>> = { TypeError, RangeError }

/** Errors of the filesystem are such on this side, too; others keep their name, text and fields. */
function unpackError({ name, message, stack, fields }: PackedError): Error {
  const { code, errno, syscall, path, dest } = fields as Record<string, string | undefined>
  let error: Error
  if (errno !== undefined && code !== undefined && Object.hasOwn(constants.errno, code)) {
    error = new FilesystemError(code as never, { syscall, path, dest })
  } else {
    error = new (makers[name] ?? Error)(message)
    if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  }
  Object.assign(error, fields)
  if (stack !== undefined) error.stack = stack
  return error
}
