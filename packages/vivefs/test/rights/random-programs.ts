/** Random lists, and random programs of what changes and asks them. */
import { type Acl, type AclEntry, sorted } from '../../src/acl/acl.ts'
import { encodeAcl } from '../../src/acl/wire.ts'
import type { Random } from '../seed.ts'
import { root, type Step, type Who } from './programs.ts'

export const alice: Who = { uid: 1000, gid: 1000, groups: [] }
export const bob: Who = { uid: 2000, gid: 2000, groups: [] }
export const carol: Who = { uid: 3000, gid: 3000, groups: [1000] }
export const erin: Who = { uid: 4000, gid: 4000, groups: [500, 1000] }
export const dave: Who = { uid: 5000, gid: 500, groups: [600] }
export const mallory: Who = { uid: 6000, gid: 6000, groups: [] }
export const everybody = [alice, bob, carol, erin, dave, mallory, root]

export const ACCESS = 'system.posix_acl_access'
export const DEFAULT = 'system.posix_acl_default'

/** `least`: bits that the mask (or the owning group) has in any case. */
export function randomAcl(random: Random, least = 0): Acl {
  const perm = (): number => random.upTo(8)
  const acl: AclEntry[] = [
    { tag: 'user', perm: perm() },
    { tag: 'group', perm: perm() | least },
    { tag: 'other', perm: perm() },
  ]
  for (const id of [1000, 2000, 3000, 4000, 5000]) if (random.chance(0.3)) acl.push({ tag: 'user', id, perm: perm() })
  for (const id of [1000, 2000, 500, 600]) if (random.chance(0.3)) acl.push({ tag: 'group', id, perm: perm() })
  if (acl.length > 3 || random.chance(0.3)) acl.push({ tag: 'mask', perm: perm() | least })
  return sorted(acl)
}

const hex = (acl: Acl): string => encodeAcl(acl).toString('hex')

/**
 * Steps on a file and a directory. The mask and the mode's group bits are never empty: there Linux looks at the others' bits and not at the
 * list, the standard (and a volume) at the list.
 */
export function randomProgram(random: Random): Step[] {
  const READABLE = 0o040
  const mode = (): number => random.upTo(0o1000) | READABLE
  const owner = random.pick([1000, 2000])
  const group = random.pick([1000, 500])
  const program: Step[] = [
    { op: 'plant', args: ['file', 'f', mode(), owner, group] },
    { op: 'plant', args: ['dir', 'd', mode() | (random.chance(0.3) ? 0o2000 : 0), owner, group] },
  ]
  const persons = [...everybody, alice, bob]
  let made = 0
  const targets = ['f', 'd']
  for (let n = 0; n < 25; n++) {
    const who = random.chance(0.3) ? root : random.pick(persons)
    const path = random.pick(targets)
    const step = random.upTo(12)
    if (step < 2) program.push({ op: 'set', who, args: [path, ACCESS, hex(randomAcl(random, 4)), 0] })
    else if (step === 2) program.push({ op: 'set', who, args: [path, DEFAULT, hex(randomAcl(random, 4)), 0] })
    else if (step === 3) program.push({ op: 'chmod', who, args: [path, mode() | (random.chance(0.2) ? 0o2000 : 0)] })
    else if (step === 4) program.push({ op: 'remove', who, args: [path, random.chance(0.6) ? ACCESS : DEFAULT] })
    else if (step === 5)
      program.push({ op: 'chown', who, args: [path, random.pick([1000, 2000]), random.pick([1000, 500])] })
    else if (step < 9) {
      const name = `${random.chance(0.8) ? 'd/' : ''}n${made++}`
      const kind = random.pick(['file', 'dir', 'fifo', 'link'] as const)
      // The group's read bit is there after the umask too.
      program.push({ op: 'make', who, umask: random.upTo(0o1000) & ~READABLE, args: [kind, name, mode()] })
      if (kind !== 'link') targets.push(name)
    } else {
      for (const one of everybody) program.push({ op: 'access', who: one, args: [path, random.upTo(8)] })
      program.push({ op: 'open', who, args: [path, random.pick(['r', 'w', 'rw'])] })
    }
    for (const name of targets) {
      program.push({ op: 'mode', who: root, args: [name] })
      program.push({ op: 'get', who: root, args: [name, ACCESS] })
      program.push({ op: 'get', who: root, args: [name, DEFAULT] })
    }
  }
  for (const name of targets) program.push({ op: 'list', who: root, args: [name] })
  return program
}
