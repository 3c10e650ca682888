/** Damage of every kind: fsck names it by its code, a repair puts it right, and what was not damaged is still there. */
import { constants } from 'node:fs'
import type { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { encodeAccountName, encodeUser } from '../../src/format/account.ts'
import { encodeDirent, hashName } from '../../src/format/dirent.ts'
import { decodeExtent, encodeExtent } from '../../src/format/extent.ts'
import { decodeInode, encodeInode, type Inode, NO_CUT } from '../../src/format/inode.ts'
import { encodeJob, encodeOrphan, encodeXattr } from '../../src/format/job.ts'
import {
  accountKey,
  accountNameKey,
  COVER_PART,
  countersKey,
  direntKey,
  extentKey,
  inodeKey,
  inodeLeaseKey,
  jobKey,
  orphanKey,
  pagePart,
  smallPart,
  superblockKey,
  xattrKey,
} from '../../src/format/keys.ts'
import { decodeSuperblock, encodeCounters, encodeInodeLease, type Superblock } from '../../src/format/superblock.ts'
import type { FsckCode } from '../../src/fsck/finding.ts'
import { runAsync } from '../../src/op.ts'
import { memoryDatabase, openBare, root } from '../bare-volume.ts'
import { fingerprint } from '../model/fingerprint.ts'

type Database = MemoryLevel<Buffer, Buffer>

const name = (text: string): Buffer => Buffer.from(text)
const BIG = 9000
const PAGE = 256

/** The rows of a volume: to read and to spoil. */
class Image {
  readonly database: Database = memoryDatabase()
  /** By path. */
  readonly inos = new Map<string, number>()
  superblock!: Superblock

  ino(path: string): number {
    return this.inos.get(path)!
  }

  async get(key: Uint8Array): Promise<Buffer> {
    const row = await this.database.get(Buffer.from(key))
    if (row === undefined) throw new Error(`no row ${Buffer.from(key).toString('hex')}`)
    return row
  }

  async put(key: Uint8Array, value: Buffer): Promise<void> {
    await this.database.put(Buffer.from(key), value)
  }

  async del(key: Uint8Array): Promise<void> {
    await this.database.del(Buffer.from(key))
  }

  async flip(key: Uint8Array, byte = -1): Promise<void> {
    const row = Buffer.from(await this.get(key))
    const at = byte < 0 ? row.length + byte : byte
    row[at] ^= 0x10
    await this.put(key, row)
  }

  entryKey(parent: number, text: Buffer): Buffer {
    const { nameSeedHigh, nameSeedLow } = this.superblock
    return direntKey(parent, hashName({ high: nameSeedHigh, low: nameSeedLow }, text), text)
  }

  async edit(path: string, changes: (inode: Inode) => Partial<Inode>): Promise<void> {
    const key = inodeKey(this.ino(path))
    const verdict = decodeInode(key, await this.get(key))
    if (!verdict.ok) throw new Error(verdict.fault)
    await this.put(key, encodeInode(key, { ...verdict.value, ...changes(verdict.value) }))
  }

  async inode(path: string): Promise<Inode> {
    const key = inodeKey(this.ino(path))
    const verdict = decodeInode(key, await this.get(key))
    if (!verdict.ok) throw new Error(verdict.fault)
    return verdict.value
  }
}

/** /d/e/deep, /d/small, /big (three extents), /tail (partial rows), /paged (page rows), /link, /two names of one file. */
async function makeImage(): Promise<Image> {
  const image = new Image()
  const volume = await openBare(image.database, { extentBytes: 4096 })
  const { fsal } = volume
  image.inos.set('/', 1)
  const make = async (kind: 'mkdir' | 'create', parent: string, last: string, content = 0): Promise<void> => {
    const directory = await handleOf(parent)
    const { handle, attributes } = await runAsync(fsal[kind](root, directory, { name: name(last), mode: 0o755 }))
    image.inos.set(`${parent === '/' ? '' : parent}/${last}`, attributes.ino)
    if (content > 0) await runAsync(fsal.write(root, handle, { offset: 0, data: Buffer.alloc(content, last) }))
  }
  const handleOf = async (path: string): Promise<Uint8Array> => {
    let handle = fsal.root()
    for (const part of path.split('/').filter(Boolean)) {
      handle = (await runAsync(fsal.lookup(root, handle, { name: name(part) }))).handle
    }
    return handle
  }
  await make('mkdir', '/', 'd')
  await make('mkdir', '/d', 'e')
  await make('create', '/d/e', 'deep', 100)
  await make('create', '/d', 'small', 50)
  await make('create', '/', 'big', BIG)
  await make('create', '/', 'tail', 3000)
  for (let n = 0; n < 3; n++) {
    await runAsync(fsal.write(root, await handleOf('/tail'), { offset: 100 * n, data: Buffer.alloc(50, 0x61 + n) }))
  }
  await make('create', '/', 'paged', BIG)
  for (const page of [1, 3]) {
    const data = Buffer.alloc(PAGE, 0x61 + page)
    await runAsync(fsal.write(root, await handleOf('/paged'), { offset: PAGE * page, data }))
  }
  await make('create', '/', 'one', 10)
  await runAsync(fsal.link(root, await handleOf('/one'), { directory: fsal.root(), name: name('two') }))
  const link = await runAsync(fsal.symlink(root, fsal.root(), { name: name('link'), target: name('d/e') }))
  image.inos.set('/link', link.attributes.ino)
  await runAsync(fsal.setxattr(root, await handleOf('/big'), { name: name('user.a'), value: name('b') }))
  image.superblock = volume.core.superblock
  expect((await volume.fsck()).findings).toEqual([])
  await volume.close()
  return image
}

interface Case {
  readonly code: FsckCode
  readonly title: string
  readonly spoil: (image: Image) => Promise<void>
  /** Names that are lost, besides those whose content changes. */
  readonly lost?: readonly string[]
  readonly isLeft?: boolean
  /** Names that are there afterwards and were not before. */
  readonly found?: readonly string[]
}

const cases: readonly Case[] = [
  {
    code: 'COUNTERS',
    title: 'counters are wrong',
    spoil: (i) => i.put(countersKey, encodeCounters({ inodes: 3, dataBytes: 5 })),
  },
  { code: 'COUNTERS', title: 'counters are damaged', spoil: (i) => i.flip(countersKey) },
  { code: 'LEASE', title: 'the lease is too low', spoil: (i) => i.put(inodeLeaseKey, encodeInodeLease({ next: 3 })) },
  { code: 'LEASE', title: 'the lease is missing', spoil: (i) => i.del(inodeLeaseKey) },
  {
    code: 'ACCOUNT',
    title: 'an account without its name row',
    spoil: (i) =>
      i.put(
        accountKey('user', 1000),
        encodeUser(accountKey('user', 1000), { name: 'ada', uid: 1000, gid: 1000, groups: [] }),
      ),
  },
  {
    code: 'ACCOUNT',
    title: 'a name without an account',
    spoil: (i) => i.put(accountNameKey('group', 'staff'), encodeAccountName(accountNameKey('group', 'staff'), 50)),
  },
  {
    code: 'ROW_UNKNOWN',
    title: 'a row of no kind',
    spoil: (i) => i.put(Buffer.of(0x30, 1, 2), Buffer.of(1)),
    isLeft: true,
  },
  {
    code: 'ROW_DAMAGED',
    title: 'an attribute is damaged',
    spoil: (i) => i.flip(xattrKey(i.ino('/big'), name('user.a'))),
    lost: ['/big'],
  },
  {
    code: 'XATTR_COUNT',
    title: 'an attribute nobody counted',
    spoil: (i) =>
      i.put(xattrKey(i.ino('/d'), name('user.x')), encodeXattr(xattrKey(i.ino('/d'), name('user.x')), name('y'))),
  },
  {
    code: 'XATTR_STRAY',
    title: 'an attribute of an inode that never was',
    spoil: (i) => i.put(xattrKey(3000, name('user.x')), encodeXattr(xattrKey(3000, name('user.x')), name('y'))),
  },
  {
    code: 'ORPHAN_ROW',
    title: 'an orphan row of a file with names',
    spoil: (i) => i.put(orphanKey(i.ino('/big')), encodeOrphan(orphanKey(i.ino('/big')))),
  },
  {
    code: 'ORPHAN_ROW',
    title: 'an orphan row of nobody',
    spoil: (i) => i.put(orphanKey(3000), encodeOrphan(orphanKey(3000))),
  },
  {
    code: 'JOB',
    title: 'a job that would delete a living file',
    spoil: (i) => i.put(jobKey(4), encodeJob(jobKey(4), { kind: 'purge', ino: i.ino('/big'), dataBytes: 0 })),
  },
  { code: 'ROW_DAMAGED', title: 'a damaged job', spoil: (i) => i.put(jobKey(4), Buffer.from('nonsense')) },
  { code: 'NLINK', title: 'a link too many', spoil: (i) => i.edit('/big', () => ({ nlink: 5 })) },
  { code: 'NLINK', title: 'a directory that counts wrong', spoil: (i) => i.edit('/d', () => ({ nlink: 9 })) },
  { code: 'ENTRIES', title: 'entries counted wrong', spoil: (i) => i.edit('/d', () => ({ entries: 7 })) },
  { code: 'DIRECTORY_PARENT', title: 'a wrong directory above', spoil: (i) => i.edit('/d/e', () => ({ parent: 1 })) },
  { code: 'SYMLINK_TARGET', title: 'a link of the wrong size', spoil: (i) => i.edit('/link', () => ({ size: 77 })) },
  { code: 'ALLOCATED', title: 'bytes counted wrong', spoil: (i) => i.edit('/big', () => ({ allocatedBytes: 1 })) },
  {
    code: 'UNREACHABLE',
    title: 'a file lost its entry',
    spoil: (i) => i.del(i.entryKey(1, name('big'))),
    lost: ['/big'],
    found: ['/lost+found/#6'],
  },
  {
    code: 'UNREACHABLE',
    title: 'a directory lost its entry',
    spoil: (i) => i.del(i.entryKey(1, name('d'))),
    lost: ['/d', '/d/e', '/d/e/deep', '/d/small'],
    found: ['/lost+found/#2', '/lost+found/#2/e', '/lost+found/#2/e/deep', '/lost+found/#2/small'],
  },
  {
    code: 'ENTRY_DANGLING',
    title: 'an entry to nowhere',
    spoil: async (i) => {
      const key = i.entryKey(i.ino('/d'), name('ghost'))
      await i.put(key, encodeDirent(key, { ino: 3000, type: constants.S_IFREG }))
      await i.edit('/d', ({ entries }) => ({ entries: entries + 1 }))
    },
  },
  {
    code: 'ENTRY_TYPE',
    title: 'an entry of the wrong type',
    spoil: async (i) => {
      const key = i.entryKey(1, name('big'))
      await i.put(key, encodeDirent(key, { ino: i.ino('/big'), type: constants.S_IFDIR }))
    },
  },
  {
    code: 'ENTRY_HASH',
    title: 'an entry under a wrong hash',
    spoil: async (i) => {
      await i.del(i.entryKey(1, name('big')))
      const key = direntKey(1, 12345, name('big'))
      await i.put(key, encodeDirent(key, { ino: i.ino('/big'), type: constants.S_IFREG }))
    },
  },
  {
    code: 'ENTRY_NAME',
    title: 'an entry with a slash in its name',
    spoil: async (i) => {
      await i.del(i.entryKey(1, name('big')))
      const key = i.entryKey(1, name('b/g'))
      await i.put(key, encodeDirent(key, { ino: i.ino('/big'), type: constants.S_IFREG }))
    },
    lost: ['/big'],
    found: ['/lost+found/#6'],
  },
  {
    code: 'ROW_DAMAGED',
    title: 'a damaged entry',
    spoil: (i) => i.flip(i.entryKey(1, name('big'))),
    lost: ['/big'],
    found: ['/lost+found/#6'],
  },
  {
    code: 'DIRECTORY_CYCLE',
    title: 'two directories in a ring',
    spoil: async (i) => {
      await i.del(i.entryKey(1, name('d')))
      const key = i.entryKey(i.ino('/d/e'), name('up'))
      await i.put(key, encodeDirent(key, { ino: i.ino('/d'), type: constants.S_IFDIR }))
      await i.edit('/d/e', ({ entries, nlink }) => ({ entries: entries + 1, nlink: nlink + 1 }))
      await i.edit('/d', () => ({ parent: i.ino('/d/e') }))
      await i.edit('/', ({ entries, nlink }) => ({ entries: entries - 1, nlink: nlink - 1 }))
    },
    lost: ['/d', '/d/e', '/d/e/deep', '/d/small'],
    found: ['/lost+found/#2', '/lost+found/#2/e', '/lost+found/#2/e/deep', '/lost+found/#2/small'],
  },
  {
    code: 'DIRECTORY_LINKS',
    title: 'two entries lead to one directory',
    spoil: async (i) => {
      const key = i.entryKey(i.ino('/d'), name('again'))
      await i.put(key, encodeDirent(key, { ino: i.ino('/d/e'), type: constants.S_IFDIR }))
      await i.edit('/d', ({ entries, nlink }) => ({ entries: entries + 1, nlink: nlink + 1 }))
    },
  },
  {
    code: 'DATA_LOST',
    title: 'a damaged extent',
    spoil: (i) => i.flip(extentKey(i.ino('/big'), 0, 1, 0)),
    lost: ['/big'],
  },
  {
    code: 'DATA_LOST',
    title: 'a damaged partial row',
    spoil: (i) => i.flip(extentKey(i.ino('/tail'), 0, 0, smallPart(2))),
    lost: ['/tail'],
  },
  {
    code: 'DATA_LOST',
    title: 'a missing partial row',
    spoil: (i) => i.del(extentKey(i.ino('/tail'), 0, 0, smallPart(3))),
    lost: ['/tail'],
  },
  {
    code: 'DATA_LOST',
    title: 'a damaged base below partial rows',
    spoil: (i) => i.flip(extentKey(i.ino('/tail'), 0, 0, 0)),
    lost: ['/tail'],
  },
  {
    code: 'PARTIAL_STRAY',
    title: 'a partial row that no tail names',
    spoil: async (i) => {
      const key = extentKey(i.ino('/big'), 0, 0, smallPart(1))
      await i.put(key, encodeExtent(key, [{ offset: 0, length: 4, data: name('abcd') }]))
    },
  },
  {
    code: 'EXTENT_BEYOND_SIZE',
    title: 'data behind the end',
    spoil: async (i) => {
      const key = extentKey(i.ino('/big'), 0, 5, 0)
      await i.put(key, encodeExtent(key, [{ offset: 0, length: 4, data: name('abcd') }]))
    },
  },
  {
    code: 'EXTENT_STRAY',
    title: 'content of an inode that is gone',
    spoil: async (i) => {
      const key = extentKey(3000, 0, 0, 0)
      await i.put(key, encodeExtent(key, [{ offset: 0, length: 4, data: name('abcd') }]))
    },
  },
  {
    code: 'EXTENT_STRAY',
    title: 'content of a data epoch that is over',
    spoil: async (i) => {
      const key = extentKey(i.ino('/big'), 7, 0, 0)
      await i.put(key, encodeExtent(key, [{ offset: 0, length: 4, data: name('abcd') }]))
    },
  },
  {
    code: 'EXTENT_SHADOWED',
    title: 'two visible base rows of one extent',
    spoil: async (i) => {
      const old = extentKey(i.ino('/big'), 0, 0, 0)
      const verdict = decodeExtent(old, await i.get(old))
      if (!verdict.ok) throw new Error(verdict.fault)
      const key = extentKey(i.ino('/big'), 1, 0, 0)
      await i.put(key, encodeExtent(key, verdict.value))
      await i.edit('/big', () => ({
        nextEpoch: 2,
        epochs: [
          { epoch: 1, end: NO_CUT },
          { epoch: 0, end: NO_CUT },
        ],
      }))
    },
  },
  {
    code: 'EXTENT_SHAPE',
    title: 'a base row with a hole',
    spoil: async (i) => {
      const key = extentKey(i.ino('/d/small'), 0, 0, 0)
      await i.put(
        key,
        encodeExtent(key, [
          { offset: 0, length: 50, data: Buffer.alloc(50, 'small') },
          { offset: 50, length: 10, data: undefined },
        ]),
      )
    },
  },
  {
    code: 'DATA_LOST',
    title: 'a page row is missing',
    spoil: (i) => i.del(extentKey(i.ino('/paged'), 0, 0, pagePart(3))),
    lost: ['/paged'],
    found: ['/paged'],
  },
  {
    code: 'DATA_LOST',
    title: 'a page row is damaged',
    spoil: (i) => i.flip(extentKey(i.ino('/paged'), 0, 0, pagePart(1))),
    lost: ['/paged'],
    found: ['/paged'],
  },
  {
    code: 'DATA_LOST',
    title: 'what names the page rows is damaged',
    spoil: (i) => i.flip(extentKey(i.ino('/paged'), 0, 0, COVER_PART)),
  },
  {
    code: 'DATA_LOST',
    title: 'a base row below page rows is damaged',
    spoil: (i) => i.flip(extentKey(i.ino('/paged'), 0, 0, 0)),
    lost: ['/paged'],
    found: ['/paged'],
  },
  {
    code: 'PARTIAL_STRAY',
    title: 'a page row that no cover names',
    spoil: async (i) => {
      const key = extentKey(i.ino('/paged'), 0, 0, pagePart(2))
      await i.put(key, encodeExtent(key, [{ offset: 2 * PAGE, length: 4, data: name('abcd') }]))
    },
  },
  {
    code: 'PARTIAL_STRAY',
    title: 'a page row in a file without pages',
    spoil: async (i) => {
      const key = extentKey(i.ino('/big'), 0, 0, pagePart(2))
      await i.put(key, encodeExtent(key, [{ offset: 2 * PAGE, length: 4, data: name('abcd') }]))
    },
  },
  {
    code: 'EXTENT_SHAPE',
    title: 'a page row that says what another page holds',
    spoil: async (i) => {
      const key = extentKey(i.ino('/paged'), 0, 0, pagePart(1))
      const row = decodeExtent(key, await i.get(key))
      if (!row.ok) throw new Error(row.fault)
      await i.put(key, encodeExtent(key, [...row.value, { offset: 7 * PAGE, length: 4, data: name('page') }]))
    },
    lost: ['/paged'],
    found: ['/paged'],
  },
  {
    code: 'INODE_DAMAGED',
    title: 'a damaged file with page rows',
    spoil: (i) => i.flip(inodeKey(i.ino('/paged')), 30),
    lost: ['/paged'],
    found: ['/paged'],
  },
  {
    code: 'INODE_DAMAGED',
    title: 'a damaged file',
    spoil: (i) => i.flip(inodeKey(i.ino('/d/small')), 30),
    lost: ['/d/small'],
    found: ['/d/small'],
  },
  {
    code: 'INODE_DAMAGED',
    title: 'a damaged directory',
    spoil: (i) => i.flip(inodeKey(i.ino('/d/e')), 30),
    lost: ['/d/e'],
    found: ['/d/e'],
  },
  {
    code: 'INODE_DAMAGED',
    title: 'a file whose inode row is gone',
    spoil: (i) => i.del(inodeKey(i.ino('/big'))),
    lost: ['/big'],
    found: ['/big'],
  },
  {
    code: 'INODE_DAMAGED',
    title: 'a damaged symbolic link',
    spoil: (i) => i.flip(inodeKey(i.ino('/link')), 30),
    lost: ['/link'],
  },
  {
    code: 'INODE_DAMAGED',
    title: 'a damaged file with partial rows',
    spoil: (i) => i.flip(inodeKey(i.ino('/tail')), 30),
    lost: ['/tail'],
    found: ['/tail'],
  },
  {
    code: 'ORPHAN_MISSING',
    title: 'no name, no orphan row',
    spoil: async (i) => {
      await i.del(i.entryKey(1, name('big')))
      await i.edit('/big', () => ({ nlink: 0 }))
      await i.edit('/', ({ entries }) => ({ entries: entries - 1 }))
    },
    lost: ['/big'],
  },
]

const pathOf = (line: string): string => String(JSON.parse(/^"(?:[^"\\]|\\.)*"/.exec(line)?.[0] ?? '""'))

describe('fsck', () => {
  test.each(cases)('$code: $title', async ({ code, spoil, lost = [], found = [], isLeft = false }) => {
    const image = await makeImage()
    const reference = await openBare(image.database, { readOnly: true })
    const before = await fingerprint(reference.fsal)
    await reference.close()
    await spoil(image)

    const volume = await openBare(image.database, { salvage: true })
    const seen = await volume.fsck()
    expect(seen.clean).toBe(false)
    expect(seen.findings.map((finding) => finding.code)).toContain(code)
    expect(seen.findings.every(({ repaired }) => repaired === undefined)).toBe(true)

    const repair = await volume.fsck({ repair: true })
    const target = repair.findings.find((finding) => finding.code === code)
    expect(target?.repaired).toBe(!isLeft)
    const again = await volume.fsck()
    if (isLeft) expect(again.findings.map((finding) => finding.code)).toEqual([code])
    else expect(again.findings).toEqual([])

    // What was neither damaged nor moved is as it was.
    const after = await fingerprint(volume.fsal)
    const isKept = (line: string): boolean =>
      !lost.includes(pathOf(line)) && pathOf(line) !== '' && pathOf(line) !== '/'
    const names = after.filter((line) => line.startsWith('"')).map(pathOf)
    const paths = before.filter((line) => line.startsWith('"') && isKept(line))
    const isChanged = code === 'NLINK' || code === 'ENTRIES' || code === 'SYMLINK_TARGET' || code === 'ENTRY_DANGLING'
    for (const line of paths) {
      if (isChanged || code === 'DIRECTORY_LINKS' || code === 'XATTR_COUNT') expect(names).toContain(pathOf(line))
      else if (lost.length === 0 || !pathOf(line).startsWith('/d')) expect(after).toContain(line)
    }
    for (const path of found) expect(names).toContain(path)
    await volume.close()

    const reopened = await openBare(image.database)
    await reopened.core.jobs.idle()
    const last = await reopened.fsck()
    expect(last.findings.filter((finding) => finding.code !== 'ROW_UNKNOWN')).toEqual([])
    await reopened.close()
  })

  test('the superblock is damaged while the volume is open', async () => {
    const image = await makeImage()
    const volume = await openBare(image.database, { cacheBytes: 0 })
    await image.flip(superblockKey)
    expect((await volume.fsck({ repair: true })).findings).toMatchObject([{ code: 'SUPERBLOCK', repaired: true }])
    expect((await volume.fsck()).findings).toEqual([])
    expect(decodeSuperblock(await image.get(superblockKey)).ok).toBe(true)
    await volume.close()
  })

  test('a content that survives: an inode is made again from its extents', async () => {
    const image = await makeImage()
    await image.flip(inodeKey(image.ino('/big')), 30)
    const volume = await openBare(image.database, { salvage: true })
    await volume.fsck({ repair: true })
    const { handle, attributes } = await runAsync(volume.fsal.lookup(root, volume.fsal.root(), { name: name('big') }))
    expect(attributes).toMatchObject({ size: BIG, uid: 0, nlink: 1, mode: constants.S_IFREG | 0o600 })
    const into = Buffer.alloc(BIG)
    await runAsync(volume.fsal.read(root, handle, { offset: 0, into }))
    expect(into.equals(Buffer.alloc(BIG, 'big'))).toBe(true)
    await volume.close()
  })

  test('refusals: repair of a read-only volume, two checks at once, an aborted one', async () => {
    const image = await makeImage()
    const readOnly = await openBare(image.database, { readOnly: true })
    await expect(readOnly.fsck({ repair: true })).rejects.toMatchObject({ code: 'EROFS' })
    expect((await readOnly.fsck()).clean).toBe(true)
    await readOnly.close()
    const volume = await openBare(image.database)
    const [one, two] = await Promise.allSettled([volume.fsck(), volume.fsck()])
    expect([one.status, two.status].sort()).toEqual(['fulfilled', 'rejected'])
    await expect(volume.fsck({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    const controller = new AbortController()
    const phases = new Set<string>()
    const onProgress = ({ phase }: { phase: string }): void => {
      phases.add(phase)
      if (phase === 'data') controller.abort()
    }
    await expect(volume.fsck({ signal: controller.signal, onProgress })).rejects.toMatchObject({ name: 'AbortError' })
    expect([...phases]).toEqual(['metadata', 'data'])
    // Changes go on afterwards.
    await runAsync(volume.fsal.mkdir(root, volume.fsal.root(), { name: name('more'), mode: 0o755 }))
    expect((await volume.fsck()).clean).toBe(true)
    await volume.close()
  })
})
