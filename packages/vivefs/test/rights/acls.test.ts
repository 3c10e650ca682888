/** Access control lists: as the host's own filesystem, and as an oracle written from POSIX 1003.1e, 23.1.5. */
import { expect, test } from 'vitest'
import { ViveFS } from 'vivefs'
import { type Acl, type AclEntry, modeBitsOf, permits, withMask, withMode } from '../../src/acl/acl.ts'
import { isDeep, seedOf, withSeed } from '../seed.ts'
import { type Answer, onHost, onVolumes, root, type Step, type Who } from './programs.ts'
import { ACCESS, alice, bob, carol, DEFAULT, dave, erin, mallory, randomAcl, randomProgram } from './random-programs.ts'

/**
 * The algorithm of the standard, word by word: owner; else a matching named user, masked; else, if the owning group or any named group
 * matches, whether one of them grants it all, masked; else others.
 */
function standard(acl: Acl, owner: number, group: number, who: Who, want: number): boolean {
  const mask = acl.find(({ tag }) => tag === 'mask')?.perm ?? 7
  const perm = (pick: (entry: AclEntry) => boolean): number[] => acl.filter(pick).map((entry) => entry.perm)
  const all = (bits: number): boolean => (bits & want) === want
  if (who.uid === owner) return all(perm(({ tag, id }) => tag === 'user' && id === undefined)[0])
  const [named] = perm(({ tag, id }) => tag === 'user' && id === who.uid)
  if (named !== undefined) return all(named & mask)
  const isOne = (gid: number): boolean => who.gid === gid || who.groups.includes(gid)
  const groups = perm(({ tag, id }) => tag === 'group' && isOne(id ?? group))
  if (groups.length > 0) return groups.some((bits) => all(bits & mask))
  return all(perm(({ tag }) => tag === 'other')[0])
}

const DECISIONS = isDeep ? 200_000 : 5000

test('who may: every list decides as the standard says', async () => {
  await withSeed(seedOf(), async (random) => {
    for (let n = 0; n < DECISIONS; n++) {
      const acl = randomAcl(random)
      const hasMask = acl.some(({ tag }) => tag === 'mask')
      const mode = random.chance(0.5) ? modeBitsOf(acl) : random.upTo(0o1000)
      const group = random.pick([1000, 500, 7000])
      for (const who of [bob, carol, erin, dave, mallory]) {
        const want = random.upTo(8)
        // Without a mask the mode's group bits are the owning group's own.
        const ours = hasMask ? acl : acl.map((entry) => (entry.tag === 'group' ? { ...entry, perm: 7 } : entry))
        if (permits(ours, mode, group, who, want) !== standard(withMode(acl, mode), 1000, group, who, want)) {
          throw new Error(JSON.stringify({ acl, mode, group, who, want }))
        }
      }
    }
  })
})

/** What nothing stands behind in a volume does not open; the host opens FIFOs. */
const isComparable = (step: Step, answer: Answer): boolean => step.op !== 'open' || answer !== 'ENXIO'

async function compare(programs: readonly (readonly Step[])[]): Promise<number | undefined> {
  const hosts = await onHost(programs)
  if (hosts === undefined) return undefined
  const ours = await onVolumes(programs)
  let steps = 0
  for (const [n, program] of programs.entries()) {
    for (const [i, step] of program.entries()) {
      if (!isComparable(step, ours[n][i])) continue
      steps++
      if (JSON.stringify(ours[n][i]) === JSON.stringify(hosts[n][i])) continue
      const before = program.slice(0, i + 1).filter(({ op }) => !['get', 'mode', 'list', 'access'].includes(op))
      throw new Error(
        `program ${n} step ${i} ${JSON.stringify(step)}: host ${JSON.stringify(hosts[n][i])}, volume ${JSON.stringify(ours[n][i])}\n${before.map((each) => JSON.stringify(each)).join('\n')}`,
      )
    }
  }
  return steps
}

const PROGRAMS = isDeep ? 600 : 10

test('random programs of setfacl, chmod, chown, create and access: as the host', async (context) => {
  await withSeed(seedOf(), async (random) => {
    const programs = Array.from({ length: PROGRAMS }, () => randomProgram(random))
    const steps = await compare(programs)
    if (steps === undefined) context.skip('the host cannot be asked: needs the superuser, Python and ext4')
    console.log(`acls: ${PROGRAMS} programs, ${steps} steps as the host, seed ${random.seed}`)
  })
}, 600_000)

test('values that are no lists, and who may set them: as the host', async (context) => {
  const entry = (tag: number, perm: number, id = 0xffff_ffff): string => {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt16LE(tag, 0)
    bytes.writeUInt16LE(perm, 2)
    bytes.writeUInt32LE(id, 4)
    return bytes.toString('hex')
  }
  const u = entry(1, 7)
  const g = entry(4, 5)
  const o = entry(32, 0)
  const m = entry(16, 7)
  const values = [
    '',
    '02',
    '02000000',
    '01000000',
    '03000000',
    `02000000${u}${g}${o}`,
    `01000000${u}${g}${o}`,
    `02000000${u}${g}${o}00`,
    `02000000${u}${g}`,
    `02000000${g}${u}${o}`,
    `02000000${u}${g}${o}${o}`,
    `02000000${u}${u}${g}${o}`,
    `02000000${u}${g}${m}${o}`,
    `02000000${u}${g}${m}${m}${o}`,
    `02000000${u}${entry(2, 6, 2000)}${g}${o}`,
    `02000000${u}${entry(2, 6, 2000)}${g}${m}${o}`,
    `02000000${u}${entry(2, 6, 3000)}${entry(2, 4, 2000)}${g}${m}${o}`,
    `02000000${u}${entry(2, 6, 2000)}${entry(2, 4, 2000)}${g}${m}${o}`,
    `02000000${u}${g}${entry(8, 6, 500)}${m}${o}`,
    `02000000${u}${entry(8, 6, 500)}${g}${m}${o}`,
    `02000000${u}${entry(2, 6, 0xffff_ffff)}${g}${m}${o}`,
    `02000000${u}${entry(2, 8, 2000)}${g}${m}${o}`,
    `02000000${entry(1, 7, 5)}${g}${o}`,
    `02000000${entry(64, 7)}${g}${o}`,
  ]
  const programs: Step[][] = []
  for (const kind of ['file', 'dir', 'link', 'fifo'] as const) {
    for (const value of values) {
      const program: Step[] = [{ op: 'plant', args: [kind, 'f', 0o2644, 1000, 500] }]
      for (const name of [ACCESS, DEFAULT]) {
        for (const who of [mallory, alice, dave, root]) {
          program.push({ op: 'set', who, args: ['f', name, value, 0] })
          program.push({ op: 'get', who, args: ['f', name] })
          program.push({ op: 'mode', who: root, args: ['f'] })
          program.push({ op: 'remove', who, args: ['f', name] })
          program.push({ op: 'list', who, args: ['f'] })
        }
      }
      programs.push(program)
    }
  }
  const steps = await compare(programs)
  if (steps === undefined) context.skip('the host cannot be asked: needs the superuser, Python and ext4')
})

test('an empty mask: the list decides (POSIX), not the bits of others (Linux)', async () => {
  await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 } })
  const { promises } = vive.root.fs
  await promises.writeFile('/f', 'x')
  await promises.setAcl('/f', 'u::rwx,u:2000:rwx,g::rwx,m::-,o::rwx')
  expect((await promises.stat('/f')).mode & 0o777).toBe(0o707)
  await expect(vive.as(bob).fs.promises.readFile('/f')).rejects.toMatchObject({ code: 'EACCES' })
  expect(await vive.as(mallory).fs.promises.readFile('/f', 'utf8')).toBe('x')
})

test('every way to a file asks the list: path and open file, promise and sync, list, search, make, rename, by handle', async () => {
  await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 }, durability: 'relaxed' })
  const { promises } = vive.root.fs
  await promises.mkdir('/d', { mode: 0o700 })
  await promises.writeFile('/d/f', 'x', { mode: 0o600 })
  const his = vive.as(bob).fs
  const refused = (action: Promise<unknown>) => expect(action).rejects.toMatchObject({ code: 'EACCES' })
  await refused(his.promises.readdir('/d'))
  await refused(his.promises.stat('/d/f'))
  await promises.setAcl('/d', 'u::rwx,u:2000:rx,g::-,o::-')
  expect(await his.promises.readdir('/d')).toEqual(['f'])
  expect(his.statSync('/d/f').size).toBe(1)
  await refused(his.promises.readFile('/d/f'))
  await refused(his.promises.writeFile('/d/g', ''))
  await promises.setAcl('/d/f', 'u::rw,u:2000:r,g::-,o::-')
  expect(await his.promises.readFile('/d/f', 'utf8')).toBe('x')
  expect(his.readFileSync('/d/f', 'utf8')).toBe('x')
  await refused(his.promises.open('/d/f', 'r+'))
  await refused(his.promises.unlink('/d/f'))
  await promises.setAcl(
    '/d',
    withMask([
      ...(await promises.getAcl('/d'))!.filter(({ id, tag }) => id === undefined && tag !== 'mask'),
      { tag: 'user', id: 2000, perm: 7 },
    ]),
  )
  await his.promises.rename('/d/f', '/d/e')
  // A chmod of the group's bits is one of the mask.
  await promises.chmod('/d', 0o700)
  await refused(his.promises.readdir('/d'))
  expect(() => his.statSync('/d/e')).toThrow(/EACCES/)
  await promises.chmod('/d', 0o750)
  expect(his.statSync('/d/e').size).toBe(1)
  await promises.setAcl('/d', null)
  await refused(his.promises.readdir('/d'))
  expect(await promises.getAcl('/d')).toEqual([
    { tag: 'user', perm: 7 },
    { tag: 'group', perm: 5 },
    { tag: 'other', perm: 0 },
  ])
  expect(await promises.listxattr('/d')).toEqual([])
  expect((await vive.fsck()).findings).toEqual([])
})

test('lists as arguments: text, entries, a mask that is made, what is none', async () => {
  await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 } })
  const { promises } = vive.root.fs
  await promises.mkdir('/d')
  expect(await promises.getAcl('/d', { kind: 'default' })).toBe(undefined)
  await promises.setAcl(
    '/d',
    [
      { tag: 'other', perm: 0 },
      { tag: 'group', perm: 5 },
      { tag: 'group', id: 7, perm: 6 },
      { tag: 'user', perm: 7 },
    ],
    { kind: 'default' },
  )
  expect(await promises.getAcl('/d', { kind: 'default' })).toEqual([
    { tag: 'user', perm: 7 },
    { tag: 'group', perm: 5 },
    { tag: 'group', id: 7, perm: 6 },
    { tag: 'mask', perm: 7 },
    { tag: 'other', perm: 0 },
  ])
  await promises.writeFile('/d/f', '')
  expect((await promises.stat('/d/f')).mode & 0o777).toBe(0o660)
  await using handle = await promises.open('/d/f', 'r')
  expect(await promises.getAcl(handle)).toHaveLength(5)
  for (const wrong of ['u::rwx', 'u::rwz,g::-,o::-', 'x::r', [{ tag: 'user', perm: 9 }], 5, undefined]) {
    await expect(promises.setAcl('/d', wrong as never)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_INVALID_ARG/),
    })
  }
  await expect(promises.setAcl('/d/f', 'u::rwx,g::-,o::-', { kind: 'default' })).rejects.toMatchObject({
    code: 'EACCES',
    syscall: 'setacl',
  })
  await promises.symlink('f', '/d/l')
  await expect(promises.getAcl('/d/l', { follow: false })).rejects.toMatchObject({ code: 'ENOTSUP' })
})

test('a volume without lists is a volume of the first version; with the first list it is not', async () => {
  await using vive = await ViveFS.open('memory://', { owner: { uid: 0, gid: 0 } })
  const { coreOf } = await import('../../src/vivefs.ts')
  const { Incompat } = await import('../../src/format/superblock.ts')
  const { promises } = vive.root.fs
  await promises.writeFile('/f', '')
  await promises.setAcl('/f', 'u::rw,g::r,o::r')
  expect(coreOf(vive).superblock.features.incompat & Incompat.acls).toBe(0)
  await promises.setAcl('/f', 'u::rw,u:5:r,g::r,o::r')
  expect(coreOf(vive).superblock.features.incompat & Incompat.acls).toBe(Incompat.acls)
})
