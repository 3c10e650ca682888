/** Mounts come, go, break and come again. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMounted } from '@vivefs/fuse'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { mountObstacle } from '../src/kernel-mount.ts'
import { Bench, obstacle, run, type Server, sh } from './server.ts'

const why = obstacle()

test('other systems are told what to use instead', () => {
  vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin')
  expect(mountObstacle()).toMatch(/no FUSE on darwin: use the node:fs face/)
})

/** What the server was asked while something ran, by the name of the request. */
async function asked(server: Server, body: () => Promise<unknown>): Promise<(name: string) => number> {
  const counts = async (): Promise<Record<string, number>> =>
    ((await server.tell({ order: 'counts' })) as { requests: Record<string, number> }).requests
  const before = await counts()
  await body()
  const after = await counts()
  return (name) => (after[name] ?? 0) - (before[name] ?? 0)
}

describe.skipIf(why !== undefined)(`life of a mount${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  const bench = new Bench()
  afterAll(() => bench.clean())

  const place = (): string => {
    const directory = bench.path('mnt')
    mkdirSync(directory)
    return directory
  }

  for (const kind of ['volume', 'calling'] as const) {
    describe(kind === 'volume' ? 'a volume of the worker' : 'a volume of the calling thread', () => {
      test('is mounted, used, unmounted, and mounted again with what was written', async () => {
        const directory = place()
        const where = bench.path('volume')
        const server = await bench.serve({ kind, where, directory })
        expect(isMounted(directory)).toBe(true)
        await sh(`cd ${directory}; mkdir a; echo hello > a/b; ln a/b a/c; ln -s b a/d`)
        expect(await server.tell({ order: 'counts' })).toMatchObject({ requests: { mkdir: 1, link: 1, symlink: 1 } })
        await server.stop()
        expect(isMounted(directory)).toBe(false)
        expect(await server.ended).toBe(0)
        const again = await bench.serve({ kind, where, directory })
        expect(await sh(`cd ${directory}; cat a/d; stat -c %h a/b`)).toBe('hello\n2')
        await again.stop()
      })

      test('goes with umount(8), and takes its process along', async () => {
        const directory = place()
        const server = await bench.serve({ kind, where: 'memory://', directory })
        await sh(`umount ${directory}`)
        expect(await server.ended).toBe(0)
      })

      test('stays while a file is open: FUSE_BUSY; lazily it goes at once', async () => {
        const directory = place()
        const server = await bench.serve({ kind, where: 'memory://', directory })
        const holder = run('sh', ['-c', `exec 3>${directory}/open; touch ${directory}/ready; sleep 2`])
        while ((await run('test', ['-e', `${directory}/ready`])).status !== 0) await sleep(20)
        await expect(server.tell({ order: 'unmount' })).rejects.toMatchObject({ code: 'FUSE_BUSY' })
        expect(isMounted(directory)).toBe(true)
        const gone = server.tell({ order: 'unmount', lazy: true })
        while (isMounted(directory)) await sleep(20)
        await holder
        await gone
        expect(await server.ended).toBe(0)
      })

      test('a killed server leaves nothing that hangs, and the next mount takes the directory over', async () => {
        const directory = place()
        const where = bench.path('volume')
        const server = await bench.serve({ kind, where, directory })
        await sh(`echo kept > ${directory}/f; sync ${directory}/f`)
        const user = run('sh', ['-c', `while echo x >> ${directory}/g; do :; done`])
        await sleep(200)
        server.child.kill('SIGKILL')
        expect(await server.ended).toBe('SIGKILL')
        // It met ENOTCONN and ended.
        expect((await user).signal).toBe(null)
        expect((await run('ls', [directory])).stderr).toMatch(/not connected/)
        const again = await bench.serve({ kind, where, directory })
        expect(await sh(`cat ${directory}/f`)).toBe('kept')
        await again.stop()
      })
    })
  }

  describe('what cannot be mounted', () => {
    const refused = (directory: string, where = 'memory://') =>
      expect(bench.serve({ kind: 'volume', where, directory })).rejects

    test('a directory that is none, or is missing: FUSE_ARGUMENT', async () => {
      const file = bench.path('file')
      writeFileSync(file, '')
      await refused(file).toMatchObject({ code: 'FUSE_ARGUMENT' })
      await refused(bench.path('missing')).toMatchObject({ code: 'FUSE_ARGUMENT', message: /ENOENT/ })
    })

    test('a volume that another has: its own error, and no mount', async () => {
      const directory = place()
      const where = bench.path('volume')
      const first = await bench.serve({ kind: 'volume', where, directory })
      const second = place()
      await refused(second, where).toMatchObject({ code: 'ERR_VIVEFS_LOCKED' })
      expect(isMounted(second)).toBe(false)
      await first.stop()
    })
  })

  test('a path through a symbolic link, and with spaces', async () => {
    const directory = bench.path('with space\tand tab')
    mkdirSync(directory)
    const link = bench.path('link')
    symlinkSync(directory, link)
    const server = await bench.serve({ kind: 'volume', where: 'memory://', directory: link })
    expect(isMounted(directory)).toBe(true)
    await sh(`echo 1 > '${directory}/x'`)
    await server.stop()
    expect(isMounted(directory)).toBe(false)
  })

  test('read-only: EROFS for every change', async () => {
    const directory = place()
    const where = bench.path('volume')
    const writer = await bench.serve({ kind: 'volume', where, directory })
    await sh(`echo 1 > ${directory}/x`)
    await writer.stop()
    const options = { readOnly: true }
    const server = await bench.serve({ kind: 'volume', where, directory, options, volume: { readOnly: true } })
    expect(await sh(`cat ${directory}/x`)).toBe('1')
    const refusal = await run('sh', ['-c', `echo 2 > ${directory}/x; rm ${directory}/x; mkdir ${directory}/y`])
    expect(refusal.stderr.match(/Read-only file system/g)).toHaveLength(3)
    await server.stop()
  })

  test('a fork in the place of its volume: what is changed there stays there', async () => {
    const directory = place()
    const server = await bench.serve({ kind: 'calling', where: 'memory://', directory, fork: 'draft' })
    await sh(`cd ${directory}; mkdir d; echo draft > d/f; mv d e`)
    expect(await sh(`cat ${directory}/e/f`)).toBe('draft')
    expect(await server.tell({ order: 'fs', method: 'readdir', args: ['/'] })).toEqual([])
    expect(await server.tell({ order: 'fsck' })).toEqual([])
    await server.stop()
  })

  test('the kernel reads ahead as far as it is told, and asks nobody before it reads what only it can have changed', async () => {
    const directory = place()
    const options = { entrySeconds: 0, attributeSeconds: 0, readAheadBytes: 512 * 1024 }
    const server = await bench.serve({ kind: 'volume', where: 'memory://', directory, options })
    const number = await sh(`mountpoint -d ${directory}`)
    expect(readFileSync(`/sys/class/bdi/${number}/read_ahead_kb`, 'latin1').trim()).toBe('512')
    await sh(`head -c 4000000 /dev/zero > ${directory}/f`)
    const read = await asked(server, async () => {
      await sh(
        `dd if=${directory}/f iflag=nocache count=0 status=none; dd if=${directory}/f of=/dev/null bs=4k status=none`,
      )
    })
    expect(read('getattr')).toBeLessThan(20)
    // Windows of the kernel's grow up to what it may read ahead.
    expect(read('read')).toBeGreaterThan(0)
    expect(read('read')).toBeLessThan(20)
    await server.stop()
  })

  test('nothing is remembered from call to call, and each is asked for once; content stays', async () => {
    const directory = place()
    const options = { entrySeconds: 0, attributeSeconds: 0 }
    const server = await bench.serve({ kind: 'volume', where: 'memory://', directory, options })
    await sh(`head -c 8192 /dev/zero > ${directory}/f; mkdir ${directory}/d; echo deep > ${directory}/d/f`)
    const python = (code: string) => run('python3', ['-c', `import os, time\nos.chdir('${directory}')\n${code}`])
    // What a call learns is forgotten when the clock of the kernel has ticked twice, in 20 ms at most.
    const stat = await asked(server, () => python("for i in range(50): os.stat('f'); time.sleep(.025)"))
    expect(stat('lookup')).toBeGreaterThanOrEqual(50)
    expect(stat('statx') + stat('getattr')).toBeLessThan(75)
    const open = await asked(server, () => python("for i in range(50): open('f').read(); time.sleep(.025)"))
    expect(open('open')).toBe(50)
    expect(open('read')).toBeLessThan(3)
    const changed = await run('sh', ['-c', `cd ${directory}; chmod 0 d; setpriv --reuid 1234 --clear-groups cat d/f`])
    expect(changed.stderr).toMatch(/Permission denied/)
    await server.stop()
  })

  test('allowOther off: other users are refused by the kernel', async () => {
    const directory = place()
    const server = await bench.serve({ kind: 'volume', where: 'memory://', directory, options: { allowOther: false } })
    const other = await run('ls', [directory], { uid: 1234, gid: 1234 })
    expect(other.status).not.toBe(0)
    expect(other.stderr).toMatch(/Permission denied/)
    await server.stop()
  })
})
