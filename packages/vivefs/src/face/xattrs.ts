/** Extended attributes, beyond node:fs: getxattr(2) and its kin, by path or open file. */
import type { Call } from '../core/call.ts'
import { assertXattr, getXattr, listXattrs, removeXattr, setXattr, type XattrMode } from '../core/xattr.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import { bytesOfView, wrongType, wrongValue } from './arguments.ts'
import { type Face, located, resolvePath } from './context.ts'
import { Description } from './descriptors.ts'
import { type Target, toTarget } from './files.ts'

export interface XattrOptions {
  /** Whether a symbolic link is followed. Default true. */
  readonly follow?: boolean
}

export interface SetXattrOptions extends XattrOptions {
  /** `create`: EEXIST if it is there. `replace`: ENODATA if it is not. Default `any`. */
  readonly mode?: XattrMode
}

function toName(name: unknown): Buffer {
  if (typeof name !== 'string' && !Buffer.isBuffer(name)) {
    throw wrongType('name', 'of type string or an instance of Buffer', name)
  }
  return Buffer.from(name)
}

function toValue(value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  if (ArrayBuffer.isView(value)) return bytesOfView(value)
  throw wrongType('value', 'of type string or an instance of Buffer, TypedArray, or DataView', value)
}

export function* inodeAt(call: Call, face: Face, target: Target, options: XattrOptions | undefined): Op<Inode> {
  if (target instanceof Description) return yield* call.inode(target.file.ino, target.file.generation)
  const how = options?.follow === false ? 'nofollow' : 'follow'
  return yield* resolvePath(call, face, target, how)
}

export const named = <T>(syscall: string, target: Target, op: Op<T>): Op<T> =>
  target instanceof Description ? located(syscall, undefined, target.use(op)) : located(syscall, target, op)

/** Errors: ENODATA, EACCES, EINVAL, ERANGE, EOPNOTSUPP (an unknown namespace). */
export function getxattr(face: Face, file: unknown, name: unknown, options?: XattrOptions): Op<Buffer> {
  const target = toTarget(file)
  const key = toName(name)
  const get = face.core.read(face.who, function* (call) {
    assertXattr(key)
    return yield* getXattr(call, yield* inodeAt(call, face, target, options), key)
  })
  return named('getxattr', target, get)
}

/** Errors: EEXIST (create), ENODATA (replace), E2BIG, EACCES, EPERM, EINVAL, ERANGE, EOPNOTSUPP. */
export function setxattr(
  face: Face,
  file: unknown,
  name: unknown,
  value: unknown,
  options?: SetXattrOptions,
): Op<void> {
  const target = toTarget(file)
  const key = toName(name)
  const bytes = Buffer.from(toValue(value))
  const mode = options?.mode ?? 'any'
  if (!['any', 'create', 'replace'].includes(mode)) throw wrongValue('options.mode', mode)
  const set = face.core.run(face.who, function* (call) {
    assertXattr(key, bytes)
    yield* setXattr(call, yield* inodeAt(call, face, target, options), key, bytes, mode)
  })
  return named('setxattr', target, set)
}

/** Errors: ENODATA, EACCES, EPERM, EINVAL, ERANGE, EOPNOTSUPP. */
export function removexattr(face: Face, file: unknown, name: unknown, options?: XattrOptions): Op<void> {
  const target = toTarget(file)
  const key = toName(name)
  const remove = face.core.run(face.who, function* (call) {
    assertXattr(key)
    yield* removeXattr(call, yield* inodeAt(call, face, target, options), key)
  })
  return named('removexattr', target, remove)
}

/** Names, sorted by bytes. */
export function listxattr(face: Face, file: unknown, options?: XattrOptions): Op<string[]> {
  const target = toTarget(file)
  const list = face.core.read(face.who, function* (call) {
    const names = yield* listXattrs(call, yield* inodeAt(call, face, target, options))
    return names.map((name) => name.toString())
  })
  return named('listxattr', target, list)
}
