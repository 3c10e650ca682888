/**
 * Faults that were there once: those of the filesystem that was the model of this one (docs/ARCHITECTURE.md), and those
 * of this one that tests found. One test each, so that none comes back.
 */
import { constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { superuser } from '../src/core/mode.ts'
import { direntKey, extentKey, inodeKey, xattrKey } from '../src/format/keys.ts'
import { type Op, runAsync } from '../src/op.ts'
import type { Bytes } from '../src/store/store.ts'
import { ViveFS } from '../src/vivefs.ts'
import { type BareVolume, memoryDatabase, openBare, openBareOn, root } from './bare-volume.ts'
import { Random } from './seed.ts'
import { SimulatedDatabase } from './store/simulated-database.ts'

const EXTENT = 65_536
const name = (text: string): Buffer => Buffer.from(text)

async function withVolume(body: (vive: ViveFS) => Promise<void>): Promise<void> {
  const vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0 } })
  try {
    await body(vive)
    await vive.settle()
    expect((await vive.fsck()).findings).toEqual([])
  } finally {
    await vive.close()
  }
}

describe('faults of the model', () => {
  test('two writes into one extent keep what lies between them', () =>
    withVolume(async ({ fs }) => {
      const whole = Buffer.alloc(EXTENT, 'between')
      await fs.promises.writeFile('/file', whole)
      const file = await fs.promises.open('/file', 'r+')
      await file.write(Buffer.from('first'), 0, 5, 100)
      await file.write(Buffer.from('second'), 0, 6, 30_000)
      await file.close()
      whole.write('first', 100)
      whole.write('second', 30_000)
      expect((await fs.promises.readFile('/file')).equals(whole)).toBe(true)
    }))

  test('a read starts at its offset inside the extent', () =>
    withVolume(async ({ fs }) => {
      const whole = Buffer.alloc(3 * EXTENT)
      for (let i = 0; i < whole.length; i += 4) whole.writeUInt32BE(i, i)
      await fs.promises.writeFile('/file', whole)
      const file = await fs.promises.open('/file', 'r')
      for (const offset of [0, 4, 4096, EXTENT - 4, EXTENT, EXTENT + 400, 3 * EXTENT - 8]) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(8), 0, 8, offset)
        expect(buffer.subarray(0, bytesRead)).toEqual(whole.subarray(offset, offset + 8))
      }
      await file.close()
    }))

  test.each([100, 5000, 3 * EXTENT, 100 * EXTENT])(
    'unlink leaves nothing of a file of %i bytes behind',
    async (bytes) => {
      const database = memoryDatabase()
      const volume = await openBare(database)
      const rows = async (): Promise<string[]> => {
        const keys: string[] = []
        for await (const key of database.keys()) if (key[0] >= 0x08) keys.push(key.toString('hex'))
        return keys
      }
      const before = await rows()
      const at = volume.fsal.root()
      const { handle } = await runAsync(volume.fsal.create(root, at, { name: name('file'), mode: 0o644 }))
      await runAsync(volume.fsal.write(root, handle, { offset: 0, data: Buffer.alloc(bytes, 1) }))
      for (let n = 0; n < 5; n++)
        await runAsync(volume.fsal.write(root, handle, { offset: 10 * n, data: Buffer.alloc(5, 2) }))
      await runAsync(volume.fsal.setxattr(root, handle, { name: name('user.x'), value: name('y') }))
      expect((await rows()).length).toBeGreaterThan(before.length)
      await runAsync(volume.fsal.unlink(root, at, { name: name('file') }))
      await volume.core.jobs.idle()
      expect(await rows()).toEqual(before)
      expect(volume.core.counters).toEqual({ inodes: 1, dataBytes: 0 })
      await volume.close()
    },
  )

  test('a rename renames: the old name is gone, the new one leads to the content', () =>
    withVolume(async ({ fs }) => {
      await fs.promises.mkdir('/a')
      await fs.promises.mkdir('/b')
      await fs.promises.writeFile('/a/one', 'content')
      await fs.promises.writeFile('/b/two', 'replaced')
      const { ino } = await fs.promises.stat('/a/one')
      await fs.promises.rename('/a/one', '/b/two')
      await expect(fs.promises.stat('/a/one')).rejects.toMatchObject({ code: 'ENOENT', syscall: 'stat' })
      expect(await fs.promises.readFile('/b/two', 'utf8')).toBe('content')
      expect((await fs.promises.stat('/b/two')).ino).toBe(ino)
      expect(await fs.promises.readdir('/a')).toEqual([])
      expect(await fs.promises.readdir('/b')).toEqual(['two'])
    }))

  test('fsync succeeds, and the batch below it is synced', async () => {
    const database = new SimulatedDatabase()
    const volume = await openBareOn(database)
    const at = volume.fsal.root()
    const { handle } = await runAsync(volume.fsal.create(root, at, { name: name('file'), mode: 0o644 }))
    await runAsync(volume.fsal.write(root, handle, { offset: 0, data: name('data') }))
    const synced = () => database.batches.filter(({ sync }) => sync).length
    const before = synced()
    await runAsync(volume.fsal.commit(root, handle, undefined))
    expect(synced()).toBe(before + 1)
    await volume.close()
    await withVolume(async ({ fs }) => {
      const file = await fs.promises.open('/file', 'w')
      await file.write('data')
      await file.sync()
      await file.datasync()
      await file.close()
    })
  })

  test('an I/O error of the store reaches whoever asked', async () => {
    let fails: string | undefined
    const database = new SimulatedDatabase({
      before: (operation) => {
        if (operation === fails) throw new Error('broken on purpose')
      },
    })
    const volume = await openBareOn(database, { cacheBytes: 0 })
    const at = volume.fsal.root()
    const { handle } = await runAsync(volume.fsal.create(root, at, { name: name('file'), mode: 0o644 }))
    await runAsync(volume.fsal.write(root, handle, { offset: 0, data: name('data') }))
    fails = 'get'
    await expect(runAsync(volume.fsal.lookup(root, at, { name: name('other') }))).rejects.toMatchObject({ code: 'EIO' })
    fails = 'nextv'
    await expect(runAsync(volume.fsal.readdir(root, at, { cookie: 0n, limit: 9 }))).rejects.toMatchObject({
      code: 'EIO',
    })
    fails = 'batch'
    const write = volume.fsal.write(root, handle, { offset: 0, data: name('DATA') })
    await expect(runAsync(write)).rejects.toMatchObject({ code: 'ERR_VIVEFS_STORE_FAILED' })
    fails = undefined
    // Nobody knows what landed: the store stays closed to changes until it is opened again.
    const again = volume.fsal.write(root, handle, { offset: 0, data: name('DATA') })
    await expect(runAsync(again)).rejects.toMatchObject({ code: 'ERR_VIVEFS_STORE_FAILED' })
    await volume.close().catch(() => {})
  })

  test('the lock of a directory volume locks, and names its holder', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vivefs-lock-'))
    try {
      const vive = await ViveFS.open(join(directory, 'volume'))
      const second = ViveFS.open(join(directory, 'volume'))
      await expect(second).rejects.toMatchObject({ code: 'ERR_VIVEFS_LOCKED', holder: { pid: process.pid } })
      await vive.close()
      await (await ViveFS.open(join(directory, 'volume'))).close()
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  test('the extents of one file are neighbours in the key space, in the order of their offsets', () => {
    const keys: Buffer[] = []
    for (const ino of [1, 255, 256, 257, 65_536]) {
      for (const index of [0, 1, 255, 256, 257, 65_535, 65_536, 2 ** 33]) keys.push(extentKey(ino, 0, index, 0))
    }
    expect(keys.toSorted((a, b) => Buffer.compare(a, b))).toEqual(keys)
  })

  test('the keys of inodes, entries, attributes and extents never meet', () => {
    const seen = new Map<string, string>()
    const add = (key: Bytes, what: string): void => {
      const text = Buffer.from(key).toString('hex')
      expect(seen.get(text), what).toBeUndefined()
      seen.set(text, what)
    }
    const names = ['\0', '\x01', 'a', 'user.a', 'aaaaaaaa', '\xff\xff\xff\xff\xff\xff\xff\xff\xff'].map((text) =>
      Buffer.from(text, 'latin1'),
    )
    for (const ino of [0, 1, 2, 255, 256, 2 ** 32, 2 ** 53 - 1]) {
      add(inodeKey(ino), `inode ${ino}`)
      for (const text of names) {
        for (const hash of [0, 1, 2 ** 48 - 1]) add(direntKey(ino, hash, text), `entry ${ino} ${hash} ${text}`)
        add(xattrKey(ino, text), `attribute ${ino} ${text}`)
      }
      for (const epoch of [0, 1, 2 ** 32 - 1]) {
        for (const index of [0, 1, 2 ** 48 - 1]) {
          for (const part of [0, 1, 32])
            add(extentKey(ino, epoch, index, part), `extent ${ino} ${epoch} ${index} ${part}`)
        }
      }
    }
  })
})

describe('faults of our own', () => {
  const go = <T>(op: Op<T>): Promise<T> => runAsync(op)

  async function openSmall(): Promise<{ volume: BareVolume; database: ReturnType<typeof memoryDatabase> }> {
    const database = memoryDatabase()
    return { volume: await openBare(database, { extentBytes: 4096 }), database }
  }

  /** A file of `bytes`, cut to `kept` by a job, so that it has two data epochs. */
  async function cutFile({ fsal }: BareVolume, text: string, bytes: number, kept: number): Promise<Uint8Array> {
    const { handle } = await go(fsal.create(root, fsal.root(), { name: name(text), mode: 0o644 }))
    await go(fsal.write(root, handle, { offset: 0, data: Buffer.alloc(bytes, 1) }))
    await go(fsal.setattr(root, handle, { size: kept }))
    return handle
  }

  /** Jobs wait until somebody waits for them. */
  function holdJobs({ core: { jobs } }: BareVolume): void {
    const held: Parameters<typeof jobs.start>[] = []
    const start = jobs.start.bind(jobs)
    const idle = jobs.idle.bind(jobs)
    jobs.start = (...job) => void held.push(job)
    jobs.idle = () => {
      for (const job of held.splice(0)) start(...job)
      return idle()
    }
  }

  const sizesOf = async ({ fsal, core, fsck }: BareVolume, handle: Uint8Array): Promise<number> => {
    await core.jobs.idle()
    expect((await fsck()).findings).toEqual([])
    return (await go(fsal.getattr(root, handle, undefined))).blocks
  }

  test('a cut through partial rows on the base of an older epoch counts each byte once', async () => {
    const { volume } = await openSmall()
    const { fsal } = volume
    const handle = await cutFile(volume, 'file', 400_000, 40_000)
    await volume.core.jobs.idle()
    // Partial rows of the new epoch on base rows of the old one.
    for (const offset of [20_490, 24_600, 28_700])
      await go(fsal.write(root, handle, { offset, data: Buffer.alloc(100, 2) }))
    await go(fsal.setattr(root, handle, { size: 10_000 }))
    expect(await sizesOf(volume, handle)).toBe(Math.ceil(10_000 / 512))
    await volume.close()
  })

  test('data epochs are merged although a trim of the oldest is still counting', async () => {
    const { volume } = await openSmall()
    const { fsal } = volume
    holdJobs(volume)
    const handle = await cutFile(volume, 'file', 500_000, 200_000)
    let size = 200_000
    for (let n = 0; n < 40; n++) {
      await go(fsal.write(root, handle, { offset: size + 9000, data: Buffer.alloc(100, 3) }))
      size -= 4200
      await go(fsal.setattr(root, handle, { size }))
    }
    const inode = await go(volume.core.read(superuser, (call) => call.find(2)))
    expect(inode?.epochs.length).toBe(16)
    expect(await sizesOf(volume, handle)).toBe(Math.ceil(size / 512))
    await volume.close()
  })

  test('many truncate one file at once: none is refused because the others filled its data epochs', async () => {
    const { volume } = await openSmall()
    const { fsal } = volume
    const handle = await cutFile(volume, 'file', 600_000, 300_000)
    // Woken in pairs after each merge, the second of a pair is the smaller one.
    const sizes = Array.from({ length: 40 }, (_, n) => 290_000 - 5000 * (n < 14 ? n : n ^ 1))
    await Promise.all(sizes.map((size) => go(fsal.setattr(root, handle, { size }))))
    const { size } = await go(fsal.getattr(root, handle, undefined))
    expect(sizes).toContain(size)
    await sizesOf(volume, handle)
    await volume.close()
  })

  test('jobs that wait keep their numbers when an orphan is reclaimed at the next open', async () => {
    const { volume, database } = await openSmall()
    const { fsal } = volume
    const { handle } = await go(fsal.create(root, fsal.root(), { name: name('big'), mode: 0o644 }))
    await go(fsal.write(root, handle, { offset: 0, data: Buffer.alloc(500_000, 1) }))
    await go(fsal.open(root, handle, { flags: constants.O_RDWR }))
    await go(fsal.unlink(root, fsal.root(), { name: name('big') }))
    const { handle: other } = await go(fsal.create(root, fsal.root(), { name: name('other'), mode: 0o644 }))
    await go(fsal.write(root, other, { offset: 0, data: Buffer.alloc(500_000, 1) }))
    // The volume is left as a crash would: a job and an orphan wait.
    const cut = go(fsal.setattr(root, other, { size: 5000 }))
    void volume.core.jobs.stop()
    await cut
    await volume.core.store.close()
    const next = await openBare(database)
    await next.core.jobs.idle()
    const report = await next.fsck()
    expect(report.findings).toEqual([])
    expect(report.counts).toMatchObject({ inodes: 2, dataBytes: 5000, jobs: 0, orphans: 0 })
    await next.close()
  })

  test('fsck waits for the changes that have begun', async () => {
    const random = new Random(3)
    const volume = await openBareOn(new SimulatedDatabase({ random: () => random.next(), turnsMax: 30 }), {
      cacheBytes: 0,
    })
    const { fsal } = volume
    const handles: Uint8Array[] = []
    for (let n = 0; n < 8; n++) {
      handles.push((await go(fsal.create(root, fsal.root(), { name: name(`file${n}`), mode: 0o644 }))).handle)
    }
    const attribute = { name: name('user.a'), value: name('b') }
    const changes = handles.map((handle) => go(fsal.setxattr(root, handle, attribute)))
    const report = await volume.fsck()
    expect(report.findings).toEqual([])
    expect(report.counts).toMatchObject({ files: 8, xattrs: 8 })
    await Promise.all(changes)
    await volume.close()
  })
})
