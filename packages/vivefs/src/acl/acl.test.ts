import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Acl, type AclEntry, faultOf, sorted, withMask } from './acl.ts'
import { minimal, modified, without } from './edit.ts'
import { formatAcl, parseAcl, parseEntry, parsePerm, permText } from './text.ts'
import { decodeAcl, decodeStored, encodeAcl } from './wire.ts'

const perm = fc.nat(7)
const named = (tag: 'user' | 'group') => fc.record({ tag: fc.constant(tag), id: fc.nat(0xffff_fffe), perm })
const acls: fc.Arbitrary<Acl> = fc
  .tuple(
    perm,
    perm,
    perm,
    fc.uniqueArray(fc.oneof(named('user'), named('group')), { maxLength: 8, selector: ({ tag, id }) => `${tag}${id}` }),
  )
  .map(([user, group, other, names]) => {
    const base: AclEntry[] = [
      { tag: 'user', perm: user },
      { tag: 'group', perm: group },
      { tag: 'other', perm: other },
    ]
    return withMask(sorted([...base, ...names]))
  })

test('Linux’s format: a golden value, there and back, any bytes are a verdict', () => {
  expect(encodeAcl(parseAcl('u::rw,u:1234:r,g::-,m::r,o::-')).toString('hex')).toBe(
    '0200000001000600ffffffff02000400d204000004000000ffffffff10000400ffffffff20000000ffffffff',
  )
  fc.assert(
    fc.property(acls, (acl) => {
      expect(decodeStored(encodeAcl(acl))).toEqual({ acl })
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), acls, fc.nat(), fc.nat(255), (bytes, acl, at, bits) => {
      expect(typeof decodeAcl(bytes).ok).toBe('boolean')
      const spoiled = encodeAcl(acl)
      spoiled[at % spoiled.length]! ^= bits
      const verdict = decodeStored(spoiled)
      if ('acl' in verdict) expect(faultOf(verdict.acl)).toBe(undefined)
    }),
  )
})

test('text: there and back; what is none is refused', () => {
  fc.assert(
    fc.property(acls, (acl) => {
      expect(parseAcl(formatAcl(acl))).toEqual(acl)
    }),
  )
  for (let bits = 0; bits < 8; bits++) expect([parsePerm(permText(bits)), parsePerm(`${bits}`)]).toEqual([bits, bits])
  expect(parseAcl('# a remark\nuser::rwx # another\ngroup::r-x\nother::---\n\n')).toHaveLength(3)
  expect(parseEntry('u:alice:rx', { user: () => 7 })).toEqual({ tag: 'user', id: 7, perm: 5 })
  for (const wrong of ['x::r', 'u:alice:r', 'm:5:r', 'u::rr', 'u::8', 'u:1:2:3:4', 'u:5'])
    expect(() => parseAcl(wrong)).toThrow(TypeError)
})

test('changes leave lists', () => {
  fc.assert(
    fc.property(acls, acls, fc.boolean(), (acl, entries, keepsMask) => {
      expect(faultOf(modified(acl, entries, keepsMask))).toBe(undefined)
      const names = entries.filter(({ id }) => id !== undefined)
      const put = modified(acl, names)
      for (const entry of names) expect(put).toContainEqual(entry)
      expect(faultOf(without(put, entries, keepsMask))).toBe(undefined)
      expect(without(put, put)).toEqual(minimal(put))
    }),
  )
})
