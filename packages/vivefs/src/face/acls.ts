/** Access control lists, beyond node:fs, by path or open file: what getfacl(1) and setfacl(1) do (docs/permissions.md). */
import { type Acl, faultOf, sorted, withMask } from '../acl/acl.ts'
import { parseAcl } from '../acl/text.ts'
import { type AclKind, getAcl as aclOf, setAcl as putAcl, wholeAcl } from '../core/acl.ts'
import type { Op } from '../op.ts'
import { wrongType, wrongValue } from './arguments.ts'
import type { Face } from './context.ts'
import { toTarget } from './files.ts'
import { inodeAt, named, type XattrOptions } from './xattrs.ts'

export interface AclOptions extends XattrOptions {
  /** `access` (default) decides who may; `default`, of a directory, is what new files in it begin with. */
  readonly kind?: AclKind
}

function kindOf(options: AclOptions | undefined): AclKind {
  const kind = options?.kind ?? 'access'
  if (kind !== 'access' && kind !== 'default') throw wrongValue('options.kind', kind)
  return kind
}

function toAcl(value: unknown): Acl | undefined {
  if (value === null) return undefined
  let acl: Acl
  try {
    if (typeof value === 'string') acl = parseAcl(value)
    else if (Array.isArray(value))
      acl = sorted(value.map(({ tag, id, perm }) => (id === undefined ? { tag, perm } : { tag, id, perm })))
    else throw wrongType('acl', 'of type string or an instance of Array or null', value)
  } catch (error) {
    throw (error as { code?: unknown }).code === undefined ? wrongValue('acl', value, (error as Error).message) : error
  }
  const whole = withMask(acl)
  const fault = faultOf(whole)
  if (fault !== undefined) throw wrongValue('acl', value, fault)
  return whole
}

/** The list, entries in order; of a file without one that of its mode. `default`: undefined where there is none. Errors: ENOTSUP (a link). */
export function getAcl(face: Face, file: unknown, options?: AclOptions): Op<Acl | undefined> {
  const target = toTarget(file)
  const kind = kindOf(options)
  const get = face.core.read(face.who, function* (call) {
    const inode = yield* inodeAt(call, face, target, options)
    const acl = yield* aclOf(call, inode, kind)
    return kind === 'access' ? (acl ?? wholeAcl(inode)) : acl
  })
  return named('getacl', target, get)
}

/**
 * Sets a list, given as entries or as text (`u::rwx,u:1000:rx,g::r,o::-`); a mask is made where one is needed and none is given. `null`
 * removes it: the permissions of the mode stay as they are. Errors: EPERM (not the owner), EACCES (a default list of what is no directory),
 * ENOTSUP (a link).
 */
export function setAcl(face: Face, file: unknown, acl: unknown, options?: AclOptions): Op<void> {
  const target = toTarget(file)
  const kind = kindOf(options)
  const list = toAcl(acl)
  const set = face.core.run(face.who, function* (call) {
    yield* putAcl(call, yield* inodeAt(call, face, target, options), kind, list)
  })
  return named('setacl', target, set)
}
