/** Checks of arguments, with the codes and texts of node:fs. What is wrong is thrown before anything begins. */
import { inspect } from 'node:util'
import { drivenSync } from '../op.ts'

/** Where versions of Node differ in more than words, the face is as the running one. */
export const nodeMajor = Number(process.versions.node.split('.')[0])

function named<E extends Error>(error: E, code: string): E & { code: string } {
  // As node does it: the stack names the code, the object shows it.
  const { name } = error
  Object.defineProperty(error, 'name', { value: `${name} [${code}]`, configurable: true, writable: true })
  void error.stack
  Object.defineProperty(error, 'name', { value: name, enumerable: false, configurable: true, writable: true })
  return Object.assign(error, { code })
}

/** How node's messages name a value of the wrong type. */
function received(value: unknown): string {
  if (value === null || value === undefined) return `${value}`
  if (typeof value === 'function') return value.name === '' ? 'function ' : `function ${value.name}`
  if (typeof value === 'object') {
    const name = value.constructor?.name
    return name ? `an instance of ${name}` : inspect(value, { depth: -1 })
  }
  if (typeof value === 'string') {
    const text = value.length > 28 ? `${value.slice(0, 25)}...` : value
    return `type string (${text.includes("'") ? JSON.stringify(text) : `'${text}'`})`
  }
  let text = inspect(value, { colors: false })
  if (text.length > 28) text = `${text.slice(0, 25)}...`
  return `type ${typeof value} (${text})`
}

/** ERR_INVALID_ARG_TYPE. `expected` reads on from "must be ". */
export function wrongType(name: string, expected: string, value: unknown): Error {
  const what = name.endsWith(' argument') ? name : `"${name}" ${name.includes('.') ? 'property' : 'argument'}`
  return named(new TypeError(`The ${what} must be ${expected}. Received ${received(value)}`), 'ERR_INVALID_ARG_TYPE')
}

/** ERR_INVALID_ARG_VALUE. */
export function wrongValue(name: string, value: unknown, reason = 'is invalid'): Error {
  let text = inspect(value)
  if (text.length > 128) text = `${text.slice(0, 128)}...`
  const kind = name.includes('.') ? 'property' : 'argument'
  return named(new TypeError(`The ${kind} '${name}' ${reason}. Received ${text}`), 'ERR_INVALID_ARG_VALUE')
}

/** Digits in groups of three, as node shows large numbers. */
function grouped(digits: string): string {
  const sign = digits.startsWith('-') ? '-' : ''
  return sign + digits.slice(sign.length).replace(/\B(?=(\d{3})+$)/g, '_')
}

/** ERR_OUT_OF_RANGE. */
export function outOfRange(name: string, range: string, value: unknown): Error {
  let text = inspect(value)
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) > 2 ** 32) text = grouped(String(value))
  if (typeof value === 'bigint') {
    text = value > 2n ** 32n || value < -(2n ** 32n) ? `${grouped(String(value))}n` : `${value}n`
  }
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${text}`
  return named(new RangeError(message), 'ERR_OUT_OF_RANGE')
}

/** Any other of node's coded errors. */
export const coded = (Type: new (message: string) => Error, code: string, message: string): Error =>
  named(new Type(message), code)

/** The text of node's AbortError; `cause` is the signal's reason. */
export function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  return Object.assign(error, { code: 'ABORT_ERR', name: 'AbortError' })
}

/** To be asked inside an operation: synchronous forms do not look at signals. */
export function assertNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted && !drivenSync()) throw abortError(signal)
}

export function assertInteger(
  value: unknown,
  name: string,
  min: number = Number.MIN_SAFE_INTEGER,
  max: number = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (typeof value !== 'number') throw wrongType(name, 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value)
}

export function assertUint32(value: unknown, name: string): asserts value is number {
  assertInteger(value, name, 0, 0xffff_ffff)
}

export function assertInt32(value: unknown, name: string): asserts value is number {
  assertInteger(value, name, -0x8000_0000, 0x7fff_ffff)
}

/** A user or group number; -1 leaves it as it is. */
export function toId(value: unknown, name: string): number | undefined {
  assertInteger(value, name, -1, 0xffff_ffff)
  return value === -1 || value === 0xffff_ffff ? undefined : value
}

export function assertBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw wrongType(name, 'of type boolean', value)
}

export function assertObject(value: unknown, name: string): asserts value is object {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw wrongType(name, 'of type object', value)
}

export function assertFunction(value: unknown, name: string): asserts value is (...args: unknown[]) => unknown {
  if (typeof value !== 'function') throw wrongType(name, 'of type function', value)
}

export function assertSignal(value: unknown, name: string): asserts value is AbortSignal | undefined {
  if (value === undefined) return
  if (value === null || typeof value !== 'object' || !('aborted' in value)) {
    throw wrongType(name, 'an instance of AbortSignal', value)
  }
}

/** Options that everywhere may be a string (an encoding) or an object. */
export function toOptions<T extends object>(
  options: unknown,
  defaults: T,
): T & { encoding?: BufferEncoding | 'buffer' | null } {
  if (options === null || options === undefined || typeof options === 'function') return defaults
  if (typeof options === 'string') {
    assertEncoding(options)
    return { ...defaults, encoding: options as BufferEncoding }
  }
  if (typeof options !== 'object') throw wrongType('options', 'one of type string or object', options)
  const whole = { ...defaults, ...options } as T & { encoding?: BufferEncoding | 'buffer' | null; signal?: unknown }
  assertEncoding(whole.encoding)
  assertSignal(whole.signal, 'options.signal')
  return whole
}

export function assertEncoding(encoding: unknown): void {
  // As in node, whatever is false is no encoding.
  if (!encoding || encoding === 'buffer') return
  if (typeof encoding !== 'string' || !Buffer.isEncoding(encoding)) {
    throw wrongValue('encoding', encoding, 'is invalid encoding')
  }
}

/** The mode of access and copyFile, which node checks outside of JavaScript. */
export function toFlagBits(value: unknown, max: number): number {
  if (value === undefined || value === null) return 0
  if (typeof value !== 'number') {
    throw named(new TypeError('mode must be int32 or null/undefined'), 'ERR_INVALID_ARG_TYPE')
  }
  if (Number.isNaN(value)) throw named(new RangeError('mode is out of range'), 'ERR_OUT_OF_RANGE')
  const bits = Math.trunc(value)
  if (bits < 0 || bits > max) throw named(new RangeError(`mode is out of range: >= 0 && <= ${max}`), 'ERR_OUT_OF_RANGE')
  return bits
}

/** Permission bits from a number or an octal string. */
export function toMode(value: unknown, name: string): number {
  if (typeof value === 'string') {
    if (!/^[0-7]+$/.test(value)) {
      throw wrongValue(name, value, 'must be a 32-bit unsigned integer or an octal string')
    }
    const mode = Number.parseInt(value, 8)
    assertUint32(mode, name)
    return mode
  }
  assertUint32(value, name)
  return value
}

/** The bytes of a typed array, DataView or Buffer, not copied. */
export const bytesOfView = (view: ArrayBufferView): Uint8Array =>
  view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

/** What node encodes names and content in: `buffer` leaves bytes. */
export function encoded(bytes: Buffer, encoding: BufferEncoding | 'buffer' | null | undefined): string | Buffer {
  if (encoding === 'buffer') return bytes
  return bytes.toString(encoding || 'utf8')
}

interface SystemErrorContext {
  readonly code: string
  readonly message: string
  readonly errno: number
  readonly syscall: string
  readonly path: string
}

/** node's SystemError: a coded error about a call that was never made. */
export function systemError(code: string, text: string, context: SystemErrorContext): Error {
  const { syscall, path } = context
  const error = new Error(`${text}: ${syscall} returned ${context.code} (${context.message}) ${path}`)
  Object.defineProperty(error, 'name', { value: 'SystemError', enumerable: false, configurable: true, writable: true })
  return Object.assign(error, { code, info: context, errno: context.errno, syscall, path })
}
