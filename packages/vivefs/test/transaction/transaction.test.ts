/** Transactions of users: all or nothing, isolated, taken back whole, run again when overtaken. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ViveFS } from '../../src/vivefs.ts'

const places = [
  ['memory://', () => 'memory://'],
  ['lsm', () => `lsm:${join(directory, 'lsm')}`],
  ['level', () => `level:${join(directory, 'level')}`],
] as const

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vivefs-transaction-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const superuser = { uid: 0, gid: 0, groups: [], umask: 0o022 }
const open = (where: string): Promise<ViveFS> => ViveFS.open(where, { credentials: superuser })

describe.each(places)('on %s', (_name, where) => {
  let vive: ViveFS
  beforeEach(async () => {
    vive = await open(where())
  })
  afterEach(async () => {
    expect((await vive.fsck()).findings).toEqual([])
    await vive.close()
  })

  test('what is overwritten in the middle of a file shows when it resolves, whatever was read before', async () => {
    const { promises } = vive.fs
    const content = Buffer.alloc(300_000, 'before ')
    await promises.writeFile('/file', content)
    expect((await promises.readFile('/file')).equals(content)).toBe(true)
    const after = Buffer.from(content)
    await vive.transaction(async (tx) => {
      for (const [offset, length] of [
        [4096, 4096],
        [70_000, 10],
        [131_072, 65_536],
      ]) {
        const handle = await tx.fs.open('/file', 'r+')
        const data = Buffer.alloc(length, 'after')
        await handle.write(data, 0, length, offset)
        await handle.close()
        data.copy(after, offset)
      }
      expect(((await tx.fs.readFile('/file')) as Buffer).equals(after)).toBe(true)
      expect((await promises.readFile('/file')).equals(content)).toBe(true)
    })
    expect((await promises.readFile('/file')).equals(after)).toBe(true)
  })

  test('everything is there when it resolves, and nothing before', async () => {
    const { promises } = vive.fs
    await promises.writeFile('/old', 'old')
    const seen = await vive.transaction(async (tx) => {
      await tx.fs.mkdir('/d')
      await tx.fs.writeFile('/d/a', 'a'.repeat(200_000))
      await tx.fs.appendFile('/d/a', 'b')
      await tx.fs.rename('/old', '/d/new')
      await tx.fs.symlink('a', '/d/l')
      expect(await promises.readdir('/')).toEqual(['old'])
      expect((await tx.fs.readdir('/')).sort()).toEqual(['d'])
      expect((await tx.fs.readFile('/d/l', 'utf8')).length).toBe(200_001)
      return (await tx.fs.readdir('/d')).sort()
    })
    expect(seen).toEqual(['a', 'l', 'new'])
    expect((await promises.readdir('/d')).sort()).toEqual(['a', 'l', 'new'])
    expect((await promises.stat('/d/a')).size).toBe(200_001)
    expect(await promises.readFile('/d/new', 'utf8')).toBe('old')
  })

  test('a body that throws changes nothing', async () => {
    const { promises } = vive.fs
    await promises.writeFile('/f', 'before')
    const space = vive.space()
    const failure = new Error('on purpose')
    await expect(
      vive.transaction(async (tx) => {
        await tx.fs.writeFile('/f', 'after')
        await tx.fs.mkdir('/d')
        await tx.fs.writeFile('/d/big', Buffer.alloc(300_000, 1))
        throw failure
      }),
    ).rejects.toBe(failure)
    expect(await promises.readdir('/')).toEqual(['f'])
    expect(await promises.readFile('/f', 'utf8')).toBe('before')
    expect(vive.space()).toMatchObject({ usedBytes: space.usedBytes, inodes: space.inodes })
  })

  test('an operation that fails inside is taken back alone', async () => {
    await vive.transaction(async (tx) => {
      await tx.fs.writeFile('/a', '1')
      await expect(tx.fs.mkdir('/a')).rejects.toMatchObject({ code: 'EEXIST' })
      await expect(tx.fs.writeFile('/no/such', '')).rejects.toMatchObject({ code: 'ENOENT' })
      await tx.fs.writeFile('/b', '2')
    })
    expect((await vive.fs.promises.readdir('/')).sort()).toEqual(['a', 'b'])
  })

  test('a body that is overtaken runs again', async () => {
    const { promises } = vive.fs
    await promises.writeFile('/counter', '0')
    const attempts: number[] = []
    const increment = () =>
      vive.transaction(async (tx) => {
        attempts.push(tx.attempt)
        const value = Number(await tx.fs.readFile('/counter', 'utf8'))
        await new Promise((resolve) => setImmediate(resolve))
        await tx.fs.writeFile('/counter', String(value + 1))
      })
    await Promise.all(Array.from({ length: 8 }, increment))
    expect(await promises.readFile('/counter', 'utf8')).toBe('8')
    expect(Math.max(...attempts)).toBeGreaterThan(1)
  })

  test('operations of a body that are started together do not mix', async () => {
    await vive.transaction(async (tx) => {
      await Promise.all(Array.from({ length: 20 }, (_, n) => tx.fs.writeFile(`/f${n}`, String(n).repeat(1000))))
    })
    const names = await vive.fs.promises.readdir('/')
    expect(names.length).toBe(20)
    for (const name of names) {
      expect(await vive.fs.promises.readFile(`/${name}`, 'utf8')).toBe(name.slice(1).repeat(1000))
    }
  })

  test('what is open inside is closed with it, and of no use later', async () => {
    let kept:
      | { close(): Promise<void>; readFile(): Promise<unknown>; write(text: string): Promise<unknown> }
      | undefined
    let fs: { readFile(path: string): Promise<unknown> } | undefined
    await vive.transaction(async (tx) => {
      fs = tx.fs
      const handle = await tx.fs.open('/f', 'w+')
      await handle.write('text')
      await tx.fs.unlink('/f')
      await handle.write('more')
      const other = await tx.fs.open('/g', 'w')
      await other.write('g')
      kept = other
    })
    const over = { code: 'ERR_VIVEFS_TRANSACTION_OVER' }
    await expect(kept!.write('x')).rejects.toMatchObject({ code: 'EBADF' })
    await expect(fs!.readFile('/g')).rejects.toMatchObject(over)
    expect(await vive.fs.promises.readdir('/')).toEqual(['g'])
    expect(await vive.fs.promises.readFile('/g', 'utf8')).toBe('g')
    expect(vive.space().inodes).toBe(2)
  })

  test('a file that is open outside outlives its unlink inside', async () => {
    const handle = await vive.fs.promises.open('/f', 'w+')
    await handle.write('kept')
    await vive.transaction((tx) => tx.fs.unlink('/f'))
    expect((await handle.read(Buffer.alloc(4), 0, 4, 0)).buffer.toString()).toBe('kept')
    expect(vive.space().inodes).toBe(2)
    await handle.close()
    expect(vive.space().inodes).toBe(1)
  })

  test('a big file that is deleted inside is reclaimed behind it', async () => {
    await vive.fs.promises.writeFile('/big', Buffer.alloc(6 << 20, 1))
    await vive.transaction(async (tx) => {
      await tx.fs.unlink('/big')
      await tx.fs.writeFile('/small', 'x')
    })
    await vive.settle()
    expect(vive.space().usedBytes).toBe(1)
  })

  test('the volume is not changed inside but through the transaction', async () => {
    const nested = { code: 'ERR_VIVEFS_TRANSACTION_NESTED' }
    await vive.transaction(async (tx) => {
      await tx.fs.writeFile('/a', '')
      await expect(vive.transaction(async () => {})).rejects.toMatchObject(nested)
      await expect(vive.fs.promises.writeFile('/b', '')).rejects.toMatchObject(nested)
      expect(await vive.fs.promises.readdir('/')).toEqual([])
      const elsewhere = await open('memory://')
      await elsewhere.transaction(async (other) => {
        await other.fs.writeFile('/x', '')
        await expect(vive.fs.promises.writeFile('/b', '')).rejects.toMatchObject(nested)
      })
      await elsewhere.close()
    })
    await vive.fs.promises.writeFile('/b', '')
    expect((await vive.fs.promises.readdir('/')).sort()).toEqual(['a', 'b'])
  })

  test('more than it may write is refused, and the rest stands', async () => {
    const tooBig = { code: 'ERR_VIVEFS_BATCH_TOO_BIG' }
    await vive.transaction(
      async (tx) => {
        await tx.fs.writeFile('/a', 'a')
        await expect(tx.fs.writeFile('/b', Buffer.alloc(200_000))).rejects.toMatchObject(tooBig)
      },
      { bytesMax: 100_000 },
    )
    expect(await vive.fs.promises.readdir('/')).toEqual(['a'])
    const whole = vive.transaction(
      async (tx) => {
        for (let n = 0; n < 100; n++) await tx.fs.writeFile(`/f${n}`, Buffer.alloc(2000))
      },
      { bytesMax: 100_000 },
    )
    await expect(whole).rejects.toMatchObject(tooBig)
    expect(await vive.fs.promises.readdir('/')).toEqual(['a'])
  })

  test('a signal stops it, with nothing changed', async () => {
    const controller = new AbortController()
    const work = vive.transaction(
      async (tx) => {
        await tx.fs.writeFile('/a', '')
        controller.abort(new Error('enough'))
        await new Promise((resolve) => setTimeout(resolve, 20))
        await tx.fs.writeFile('/b', '')
      },
      { signal: controller.signal },
    )
    await expect(work).rejects.toThrow('enough')
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect(await vive.fs.promises.readdir('/')).toEqual([])
  })

  test('rights are those of whoever it acts for', async () => {
    await vive.fs.promises.chmod('/', 0o755)
    const credentials = { uid: 1000, gid: 1000, groups: [], umask: 0o022 }
    const refused = vive.transaction((tx) => tx.fs.writeFile('/x', ''), { credentials })
    await expect(refused).rejects.toMatchObject({ code: 'EACCES' })
  })

  test('watchers hear of it when it is there, and of nothing that failed', async () => {
    const events: string[] = []
    const watcher = vive.fs.watch('/', (event, name) => events.push(`${event} ${name}`))
    const soon = () => new Promise((resolve) => setTimeout(resolve, 20))
    await vive
      .transaction(async (tx) => {
        await tx.fs.writeFile('/never', '')
        throw new Error('on purpose')
      })
      .catch(() => {})
    await vive.transaction(async (tx) => {
      await tx.fs.writeFile('/x', '')
      await soon()
      expect(events).toEqual([])
    })
    await soon()
    watcher.close()
    expect(events).toContain('rename x')
    expect(events).not.toContain('rename never')
  })
})

describe('synchronous', () => {
  test('on lsm: all or nothing on the spot', async () => {
    const vive = await open(`lsm:${join(directory, 'v')}`)
    const size = vive.transactionSync((tx) => {
      tx.fs.mkdirSync('/d')
      tx.fs.writeFileSync('/d/f', 'text')
      return tx.fs.statSync('/d/f').size
    })
    expect(size).toBe(4)
    expect(vive.fs.readFileSync('/d/f', 'utf8')).toBe('text')
    expect(() =>
      vive.transactionSync((tx) => {
        tx.fs.rmSync('/d', { recursive: true })
        throw new Error('on purpose')
      }),
    ).toThrow('on purpose')
    expect(vive.fs.readFileSync('/d/f', 'utf8')).toBe('text')
    expect(() => vive.transactionSync(async () => {})).toThrow(/answers a promise/)
    expect(() => vive.transactionSync(() => vive.fs.writeFileSync('/no', ''))).toThrow(/inside a transaction/)
    expect((await vive.fsck()).findings).toEqual([])
    await vive.close()
  })

  test('on level it is refused with nothing changed', async () => {
    const vive = await open(`level:${join(directory, 'v')}`)
    expect(() => vive.transactionSync((tx) => tx.fs.writeFileSync('/f', ''))).toThrowError(
      expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' }),
    )
    expect(await vive.fs.promises.readdir('/')).toEqual([])
    await vive.close()
  })
})
