/**
 * Lists as Linux passes them through extended attributes, and as rows keep them (little-endian):
 *
 *     version32 = 2, then for each entry: tag16 perm16 id32
 *
 * Tags: 1 owner, 2 named user, 4 owning group, 8 named group, 16 mask, 32 others; id is 2^32-1 where nobody is named.
 * Source: the kernel's include/uapi/linux/posix_acl_xattr.h.
 */
import type { Bytes } from '../store/store.ts'
import { type Acl, type AclEntry, faultOf, rankOf } from './acl.ts'

const VERSION = 2
const HEADER_BYTES = 4
const ENTRY_BYTES = 8
const NOBODY = 0xffff_ffff

const TAGS: readonly (readonly [number, AclEntry['tag'], boolean])[] = [
  [0x01, 'user', false],
  [0x02, 'user', true],
  [0x04, 'group', false],
  [0x08, 'group', true],
  [0x10, 'mask', false],
  [0x20, 'other', false],
]

/** A list, none (the empty list, which removes), or what is wrong: its version, or its shape. */
export type AclVerdict =
  | { readonly ok: true; readonly acl: Acl | undefined }
  | { readonly ok: false; readonly fault: 'version' | 'shape' }

export function encodeAcl(acl: Acl): Buffer {
  const out = Buffer.alloc(HEADER_BYTES + acl.length * ENTRY_BYTES)
  out.writeUInt32LE(VERSION, 0)
  for (const [i, entry] of acl.entries()) {
    const at = HEADER_BYTES + i * ENTRY_BYTES
    out.writeUInt16LE(TAGS[rankOf(entry)][0], at)
    out.writeUInt16LE(entry.perm, at + 2)
    out.writeUInt32LE(entry.id ?? NOBODY, at + 4)
  }
  return out
}

/** Never throws. Entries are of known tags; whether they make a list `faultOf` says. */
export function decodeAcl(value: Bytes): AclVerdict {
  if (value.length === 0) return { ok: true, acl: undefined }
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  if (bytes.length < HEADER_BYTES) return { ok: false, fault: 'shape' }
  if (bytes.readUInt32LE(0) !== VERSION) return { ok: false, fault: 'version' }
  if ((bytes.length - HEADER_BYTES) % ENTRY_BYTES !== 0) return { ok: false, fault: 'shape' }
  const acl: AclEntry[] = []
  for (let at = HEADER_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const code = bytes.readUInt16LE(at)
    const known = TAGS.find(([tag]) => tag === code)
    if (known === undefined) return { ok: false, fault: 'shape' }
    const perm = bytes.readUInt16LE(at + 2)
    const id = bytes.readUInt32LE(at + 4)
    if (known[2] && id === NOBODY) return { ok: false, fault: 'shape' }
    acl.push(known[2] ? { tag: known[1], id, perm } : { tag: known[1], perm })
  }
  return { ok: true, acl: acl.length === 0 ? undefined : acl }
}

/** The list of a row, or what is wrong with it. Never throws. */
export function decodeStored(value: Bytes): { readonly acl: Acl } | { readonly fault: string } {
  const verdict = decodeAcl(value)
  if (!verdict.ok) return { fault: verdict.fault }
  if (verdict.acl === undefined) return { fault: 'empty' }
  const fault = faultOf(verdict.acl)
  return fault === undefined ? { acl: verdict.acl } : { fault }
}
