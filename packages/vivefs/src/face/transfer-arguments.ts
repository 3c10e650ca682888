/**
 * What reads and writes of open files are told. Node's three forms take the same arguments and differ in what they make
 * of odd ones; each is as on Node 20 to 26.
 */
import {
  assertFunction,
  assertInt32,
  assertInteger,
  assertObject,
  bytesOfView,
  nodeMajor,
  outOfRange,
  wrongType,
  wrongValue,
} from './arguments.ts'

export type View = NodeJS.ArrayBufferView

/** The bytes themselves where that is all of them. */
const part = (bytes: Uint8Array, offset: number, length: number): Uint8Array =>
  offset === 0 && length === bytes.length ? bytes : bytes.subarray(offset, offset + length)

/** Where a read puts its bytes; without a position it is the file's own. */
export interface ReadInto {
  readonly buffer: View
  readonly into: Uint8Array
  readonly position: number | undefined
}

/** What a write takes. */
export interface WriteFrom {
  readonly data: Uint8Array
  readonly position: number | undefined
}

/** How a read or a write is called. */
export type TransferForm = 'sync' | 'callback' | 'promises'

const READ_BYTES_DEFAULT = 16 * 1024

const isView = (value: unknown): value is View => ArrayBuffer.isView(value)
const isOptions = (value: unknown): value is object => typeof value === 'object' && value !== null

/** A position that is checked, for a transfer of so many bytes; undefined is the file's own. */
function toPosition(position: unknown, bytes: number): number | undefined {
  if (position === undefined || position === null) return undefined
  if (typeof position === 'bigint') {
    const [min, max] = nodeMajor < 22 ? [-(2n ** 63n), 2n ** 63n - 1n] : [-1n, 2n ** 63n - 1n - BigInt(bytes)]
    if (position < min || position > max) throw outOfRange('position', `>= ${min} && <= ${max}`, position)
    return position < 0n ? undefined : Number(position)
  }
  if (typeof position !== 'number') throw wrongType('position', 'an integer or of type bigint', position)
  assertInteger(position, 'position', -1)
  return position < 0 ? undefined : position
}

/** A position that is not checked: what is none is the file's own. */
export const toLoosePosition = (position: unknown): number | undefined =>
  Number.isSafeInteger(position) && (position as number) >= 0 ? (position as number) : undefined

interface Span {
  readonly buffer: View
  readonly offset: unknown
  readonly length: unknown
  readonly position: unknown
}

/** Options without what they do not name; that the rest of the buffer is meant is reckoned from what is given, whatever it is. */
function spanOf(buffer: View, options: unknown): Span {
  const given = (options ?? {}) as Partial<Span>
  const { offset = 0, length = buffer.byteLength - (offset as number), position = null } = given
  return { buffer, offset, length, position }
}

function assertView(value: unknown, name: string): asserts value is View {
  if (!isView(value)) throw wrongType(name, 'an instance of Buffer, TypedArray, or DataView', value)
}

/** readSync(fd, buffer, offset, length, position) and readSync(fd, buffer, options). */
function spanOfSync(args: readonly unknown[]): Span {
  const [buffer, second, length, position] = args
  assertView(buffer, 'buffer')
  if (args.length > 2 && typeof second !== 'object') return { buffer, offset: second, length, position }
  if (args.length > 1 && second !== undefined && second !== null) assertObject(second, 'options')
  return spanOf(buffer, second)
}

/** read(fd, buffer, offset, length, position, cb), read(fd, buffer, options, cb), read(fd, options, cb), read(fd, cb). */
function spanOfCallback(args: readonly unknown[]): Span {
  const [first, second, length, position] = args
  if (args.length > 2) {
    // The callback stands where the position is expected.
    if (args.length === 3) assertFunction(undefined, 'cb')
    assertView(first, 'buffer')
    return { buffer: first, offset: second ?? 0, length, position }
  }
  let [buffer, options] = [first, second]
  if (args.length === 2 && options !== null) assertObject(options, 'options')
  if (args.length < 2 && !isView(buffer)) {
    if (args.length === 1 && buffer !== undefined && buffer !== null) assertObject(buffer, 'options')
    options = buffer
    buffer = (options as Partial<Span> | undefined | null)?.buffer
    if (buffer === undefined) buffer = Buffer.alloc(READ_BYTES_DEFAULT)
  }
  assertView(buffer, 'buffer')
  const span = spanOf(buffer, options)
  return { ...span, offset: span.offset ?? 0 }
}

/** FileHandle's read(buffer, offset, length, position), read(buffer, options), read(options), read(). */
function spanOfPromise(args: readonly unknown[]): Span {
  let [buffer, offset, length, position] = args
  if (!isView(buffer)) {
    if (buffer !== undefined && buffer !== null) assertObject(buffer, 'options')
    const options = (buffer ?? {}) as Partial<Span>
    buffer = options.buffer === undefined ? Buffer.alloc(READ_BYTES_DEFAULT) : options.buffer
    ;({ offset, length, position } = spanOf(buffer as View, options))
  }
  assertView(buffer, 'buffer')
  if (isOptions(offset)) ({ offset, length, position } = spanOf(buffer, offset))
  return { buffer, offset: offset ?? 0, length: length ?? buffer.byteLength - ((offset ?? 0) as number), position }
}

const spanBy = { sync: spanOfSync, callback: spanOfCallback, promises: spanOfPromise }

/** Errors: ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE (an empty buffer), ERR_OUT_OF_RANGE. `args`: behind the descriptor. */
export function toReadInto(form: TransferForm, args: readonly unknown[]): ReadInto {
  const { buffer, offset = 0, length, position } = spanBy[form](args)
  assertInteger(offset, 'offset', 0)
  const bytes = form === 'promises' ? (length as number) : (length as number) | 0
  const into = bytesOfView(buffer)
  if (bytes === 0) return { buffer, into: into.subarray(0, 0), position: undefined }
  const { byteLength } = buffer
  if (byteLength === 0) throw wrongValue('buffer', buffer, 'is empty and cannot be written')
  if (bytes < 0) throw outOfRange('length', '>= 0', bytes)
  if (offset + bytes > byteLength) throw outOfRange('length', `<= ${byteLength - offset}`, bytes)
  const isLoose = form === 'promises' && nodeMajor < 22
  const from = isLoose ? toLoosePosition(position) : toPosition(position, bytes)
  return { buffer, into: part(into, offset, bytes), position: from }
}

/** What is no encoding means UTF-8. */
function bytesOfText(text: string, encoding: unknown): Buffer {
  if (typeof encoding !== 'string' || !Buffer.isEncoding(encoding)) return Buffer.from(text)
  if (encoding.toLowerCase() === 'hex' && text.length % 2 !== 0) {
    throw wrongValue('encoding', encoding, `is invalid for data of length ${text.length}`)
  }
  return Buffer.from(text, encoding)
}

/** The forms of write: (buffer, offset, length, position), (buffer, options), (string, position, encoding). */
export function toWriteFrom(form: TransferForm, args: readonly unknown[]): WriteFrom {
  const [first, second, third, fourth] = args
  if (typeof first === 'string') {
    if (form === 'callback' && args.length > 3) assertFunction(third, 'cb')
    return { data: bytesOfText(first, third), position: toLoosePosition(second) }
  }
  if (form === 'promises' && (first as { byteLength?: unknown } | null | undefined)?.byteLength === 0) {
    return { data: Buffer.alloc(0), position: undefined }
  }
  if (!isView(first)) {
    throw wrongType('buffer', 'of type string or an instance of Buffer, TypedArray, or DataView', first)
  }
  let [offset, length, position] = [second, third, fourth]
  if (typeof offset === 'object') ({ offset, length, position } = spanOf(first, offset))
  const { byteLength } = first
  const isNone = offset === undefined || offset === null || (form === 'callback' && typeof offset === 'function')
  const start = isNone ? 0 : offset
  assertInteger(start, 'offset', 0)
  const bytes = typeof length === 'number' ? length : byteLength - start
  if (start > byteLength) throw outOfRange('offset', `<= ${byteLength}`, start)
  if (bytes > byteLength - start) throw outOfRange('length', `<= ${byteLength - start}`, bytes)
  if (bytes < 0) throw outOfRange('length', '>= 0', bytes)
  assertInt32(bytes, 'length')
  return { data: part(bytesOfView(first), start, bytes), position: toLoosePosition(position) }
}

/** ERR_INVALID_ARG_TYPE. */
export function toViews(buffers: unknown): readonly View[] {
  if (!Array.isArray(buffers)) throw wrongType('buffers', 'an ArrayBufferView[]', buffers)
  for (const each of buffers) if (!isView(each)) throw wrongType('buffers', 'an ArrayBufferView[]', buffers)
  return buffers
}
