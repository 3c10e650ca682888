/** The callback face: what is wrong with arguments is thrown at once, every other outcome goes to the callback. */
import { promisify } from 'node:util'
import { FilesystemError } from '../errors.ts'
import { type Op, runAsync } from '../op.ts'
import { traced } from '../trace.ts'
import { assertFunction } from './arguments.ts'
import * as attributes from './attributes.ts'
import type { Face } from './context.ts'
import { cp } from './cp.ts'
import { askTruncate } from './deprecated.ts'
import type { Description } from './descriptors.ts'
import { openDirectory } from './dir.ts'
import * as io from './io.ts'
import * as leases from './leases.ts'
import * as locks from './locks.ts'
import { byPath } from './operations.ts'
import { realpath, realpathByLstat } from './realpath.ts'
import { withCallback } from './stat-options.ts'
import { toReadInto, toWriteFrom } from './transfer-arguments.ts'
import type { ViveCallbacks } from './types.ts'
import { worded } from './wording.ts'

type Callback = (error: unknown, ...results: unknown[]) => void
type Operation = (face: Face, ...args: never[]) => Op<unknown>
type DescriptorOperation = (face: Face, of: Description, ...args: never[]) => Op<unknown>

/** EBADF as the outcome of an operation on a descriptor that is not open. */
function* notOpen(syscall: string): Op<never> {
  throw new FilesystemError('EBADF', { syscall })
}

/** An operation on a FileHandle's description as one on a number. */
export const byNumber =
  (syscall: string, operation: DescriptorOperation): Operation =>
  (face: Face, ...args: never[]) => {
    const description = face.descriptors.find(args[0])
    return description === undefined ? notOpen(syscall) : operation(face, description, ...(args.slice(1) as never[]))
  }

/** Whole-file operations take a number for a path. */
export const orNumber =
  (syscall: string, operation: Operation): Operation =>
  (face: Face, ...args: never[]) => {
    if (typeof args[0] !== 'number') return operation(face, ...args)
    return byNumber(syscall, operation as DescriptorOperation)(face, ...args)
  }

const truncateByNumber = byNumber('ftruncate', attributes.ftruncate as DescriptorOperation)

/** A descriptor in the place of the path is deprecated, and refused by newer versions. */
function truncateEither(face: Face, file: unknown, length?: unknown): Op<unknown> {
  if (typeof file !== 'number') return attributes.truncate(face, file, length)
  askTruncate()
  return truncateByNumber(face, ...([file, length] as never[]))
}

export const byDescriptor: Record<string, Operation> = {
  close: byNumber('close', io.close),
  fchmod: byNumber('fchmod', attributes.fchmod),
  fchown: byNumber('fchown', attributes.fchown),
  fdatasync: byNumber('fdatasync', attributes.fdatasync),
  fstat: byNumber('fstat', attributes.fstat),
  fsync: byNumber('fsync', attributes.fsync),
  ftruncate: byNumber('ftruncate', attributes.ftruncate),
  futimes: byNumber('futime', attributes.futimes),
  flock: byNumber('flock', locks.flock),
  lease: byNumber('fcntl', leases.lease),
  lock: byNumber('fcntl', locks.lock),
  testLock: byNumber('fcntl', locks.testLock),
  unlock: byNumber('fcntl', locks.unlock),
}

export const wholeFiles: Record<string, Operation> = {
  appendFile: orNumber('write', byPath.appendFile as Operation),
  readFile: orNumber('read', byPath.readFile as Operation),
  truncate: truncateEither as Operation,
  writeFile: orNumber('write', byPath.writeFile as Operation),
}

export const open: Operation = (face: Face, ...args: never[]) => {
  const op = io.open(face, args[0], args[1], args[2])
  return numbered(op)
}

function* numbered(op: Op<Description>): Op<number> {
  return (yield* op).fd
}

const simple: Record<string, Operation> = {
  ...(byPath as Record<string, Operation>),
  ...byDescriptor,
  ...wholeFiles,
  open,
  cp: cp as Operation,
  opendir: openDirectory as Operation,
  realpath: realpathByLstat as Operation,
  stat: withCallback.stat as Operation,
  lstat: withCallback.lstat as Operation,
  fstat: byNumber('fstat', withCallback.fstat),
}

const entries = Object.entries(simple)

/** Hands an outcome to the callback, never in the same step, and outside of promises, so that what it throws is its own. */
function deliver<T>(
  op: Op<T>,
  callback: Callback,
  spread: (value: T) => unknown[],
  besideError: readonly unknown[] = [],
): void {
  runAsync(op).then(
    (value) => process.nextTick(callback, null, ...spread(value)),
    (error) => process.nextTick(callback, error, ...besideError),
  )
}

/** Functions without optional arguments: where their callback is. */
const callbackAt: Readonly<Record<string, number>> = {
  chmod: 2,
  chown: 3,
  fchmod: 2,
  fchown: 3,
  fdatasync: 1,
  fsync: 1,
  futimes: 3,
  lchown: 3,
  link: 2,
  lutimes: 3,
  unlink: 1,
  utimes: 3,
}

/** The callback is where it has to be, or the last argument that is a function. */
function splitCallback(args: unknown[], name = ''): [unknown[], Callback] {
  const fixed = callbackAt[name]
  if (fixed !== undefined) {
    assertFunction(args[fixed], 'cb')
    return [args.slice(0, fixed), args[fixed] as Callback]
  }
  let at = args.length - 1
  while (at >= 0 && typeof args[at] !== 'function') at--
  const callback = args[at < 0 ? args.length - 1 : at]
  assertFunction(callback, 'cb')
  return [args.slice(0, at), callback as Callback]
}

const one = (value: unknown): unknown[] => (value === undefined ? [] : [value])

function callbackOf(face: Face, name: string, operation: Operation) {
  const holder = {
    [name](...given: unknown[]): void {
      let op: Op<unknown>
      let callback: Callback
      try {
        const [args, last] = splitCallback(given, name)
        callback = last
        op = traced(operation(face, ...(args as never[])), face.core, face.who, 'callback', name, args)
      } catch (error) {
        throw worded('callback', name, given, error)
      }
      deliver(op, callback, one)
    },
  }
  return holder[name]
}

/** Reads and writes call back with a count and the buffers. */
function transfer(
  face: Face,
  name: string,
  syscall: string,
  start: (of: Description, args: unknown[]) => { op: Op<number>; buffer: unknown },
  counted: string,
  subject: string,
) {
  const holder = {
    [name](...given: unknown[]): void {
      try {
        const [args, callback] = splitCallback(given)
        const description = face.descriptors.find(args[0])
        if (description === undefined) deliver(notOpen(syscall), callback, one)
        else {
          const { op, buffer } = start(description, args.slice(1))
          const shown = traced(op, face.core, face.who, 'callback', name, args)
          deliver(shown, callback, (count) => [count, buffer], [0, buffer])
        }
      } catch (error) {
        throw worded('callback', name, given, error)
      }
    },
  }
  const run = holder[name]
  const promised = (...args: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      run(...args, (error: unknown, count: number, buffer: unknown) => {
        if (error) reject(error)
        else resolve({ [counted]: count, [subject]: buffer })
      })
    })
  Object.defineProperty(run, promisify.custom, { value: promised })
  return run
}

function transfersOf(face: Face): Record<string, unknown> {
  return {
    read: transfer(
      face,
      'read',
      'read',
      (of, args) => {
        const what = toReadInto('callback', args)
        return { op: io.read(face, of, what), buffer: what.buffer }
      },
      'bytesRead',
      'buffer',
    ),
    readv: transfer(
      face,
      'readv',
      'read',
      (of, args) => ({ op: io.readv(face, of, args[0], args[1]), buffer: args[0] }),
      'bytesRead',
      'buffers',
    ),
    write: transfer(
      face,
      'write',
      'write',
      (of, args) => {
        return { op: io.write(face, of, toWriteFrom('callback', args)), buffer: args[0] }
      },
      'bytesWritten',
      'buffer',
    ),
    writev: transfer(
      face,
      'writev',
      'write',
      (of, args) => ({ op: io.writev(face, of, args[0], args[1]), buffer: args[0] }),
      'bytesWritten',
      'buffers',
    ),
  }
}

const existence = (face: Face, path: unknown): Op<boolean> =>
  traced(attributes.exists(face, path), face.core, face.who, 'callback', 'exists', [path])

/** exists has no error: its callback gets the answer alone. */
function existsOf(face: Face) {
  const exists = (path: unknown, callback: unknown): void => {
    try {
      assertFunction(callback, 'cb')
    } catch (error) {
      throw worded('callback', 'exists', [path, callback], error)
    }
    const say = callback as (isThere: boolean) => void
    runAsync(existence(face, path)).then(
      (isThere) => process.nextTick(say, isThere),
      () => process.nextTick(say, false),
    )
  }
  Object.defineProperty(exists, promisify.custom, { value: (path: unknown) => runAsync(existence(face, path)) })
  return exists
}

const made = new WeakMap<Face, ViveCallbacks>()

export function callbacksOf(face: Face): ViveCallbacks {
  let callbacks = made.get(face)
  if (callbacks === undefined) {
    const out: Record<string, unknown> = {}
    for (const [name, operation] of entries) out[name] = callbackOf(face, name, operation)
    Object.assign(out, transfersOf(face), { exists: existsOf(face) })
    Object.assign(out.realpath as object, { native: callbackOf(face, 'realpath', realpath as Operation) })
    out.close = closeOf(face)
    callbacks = out as unknown as ViveCallbacks
    made.set(face, callbacks)
  }
  return callbacks
}

/** close takes no callback too. */
function closeOf(face: Face) {
  return (fd: unknown, callback?: unknown): void => {
    try {
      if (callback !== undefined) assertFunction(callback, 'cb')
      const done = (callback ?? throwing) as Callback
      const op = byDescriptor.close(face, ...([fd] as never[]))
      deliver(traced(op, face.core, face.who, 'callback', 'close', [fd]), done, one)
    } catch (error) {
      throw worded('callback', 'close', [fd, callback], error)
    }
  }
}

const throwing: Callback = (error) => {
  if (error) throw error
}
