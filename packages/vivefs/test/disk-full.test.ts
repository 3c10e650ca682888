/**
 * A real full disk: a small tmpfs that is mounted for the test. Needs the right to mount; elsewhere the tests are
 * reported as skipped.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ViveFS } from '../src/vivefs.ts'

const DISK_MIB = 256

function mount(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'vivefs-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', directory], { stdio: 'ignore' })
    return directory
  } catch {
    rmSync(directory, { recursive: true })
    return undefined
  }
}

function unmount(directory: string): void {
  execFileSync('umount', ['-l', directory])
  rmSync(directory, { recursive: true })
}

const probe = mount()
if (probe !== undefined) unmount(probe)

describe.skipIf(probe === undefined).each(['level', 'lsm'] as const)(
  'a full disk, on %s',
  { timeout: 120_000 },
  (engine) => {
    let disk = ''

    beforeEach(() => {
      disk = mount() ?? ''
    })
    afterEach(() => unmount(disk))

    const incompressible = (bytes: number, seed: number): Buffer => {
      const data = Buffer.alloc(bytes)
      let x = seed | 1
      for (let i = 0; i + 4 <= bytes; i += 4) {
        x ^= x << 13
        x ^= x >>> 17
        x ^= x << 5
        data.writeInt32LE(x, i)
      }
      return data
    }

    /** Writes files of 1 MiB until the volume refuses; answers how many were acknowledged. */
    async function fill(vive: ViveFS): Promise<{ files: number; code: string }> {
      for (let files = 0; ; files++) {
        try {
          await vive.fs.promises.writeFile(`/fill-${files}`, incompressible(1 << 20, files + 1))
        } catch (error) {
          return { files, code: (error as NodeJS.ErrnoException).code ?? String(error) }
        }
        expect(files).toBeLessThan(DISK_MIB)
      }
    }

    /** Fills and empties the volume again; throws while less than half of `expected` fits. */
    async function refill(vive: ViveFS, expected: number): Promise<number> {
      const { files } = await fill(vive)
      for (let n = 0; n < files; n++) await vive.fs.promises.unlink(`/fill-${n}`)
      if (files <= expected / 2) throw new Error(`only ${files} files fit again`)
      return files
    }

    test('growing is refused with ENOSPC, reading and deleting go on, and space comes back', async () => {
      const vive = await ViveFS.open(join(disk, 'volume'), { engine })
      const { files, code } = await fill(vive)
      expect(code).toBe('ENOSPC')
      expect(files).toBeGreaterThan(20)
      for (const n of [0, files - 1]) {
        const read = await vive.fs.promises.readFile(`/fill-${n}`)
        expect(read.equals(incompressible(1 << 20, n + 1))).toBe(true)
      }
      for (let n = 0; n < files; n++) await vive.fs.promises.unlink(`/fill-${n}`)
      expect((await vive.fs.promises.readdir('/')).filter((name) => name !== `fill-${files}`)).toEqual([])
      // A refusal makes the database give back what was deleted; then as much fits again.
      const second = await vi.waitFor(() => refill(vive, files), { timeout: 60_000, interval: 500 })
      expect(second).toBeGreaterThan(files / 2)
      await vive.close()

      const again = await ViveFS.open(join(disk, 'volume'), { engine })
      expect((await again.fsck()).clean).toBe(true)
      await again.close()
    })

    test('many writers at once meet the same refusal; the volume opens again and everything can be deleted', async () => {
      const vive = await ViveFS.open(join(disk, 'volume'), { engine })
      const written: string[] = []
      const codes = new Set<string>()
      const data = incompressible(300_000, 7)
      const writer = async (id: number): Promise<void> => {
        for (let n = 0; n < 60; n++) {
          const name = `/w${id}-${n}`
          data.writeUInt32LE(id * 1000 + n, 0)
          try {
            await vive.fs.promises.writeFile(name, Buffer.from(data))
            written.push(name)
          } catch (error) {
            codes.add((error as NodeJS.ErrnoException).code ?? String(error))
            return
          }
        }
      }
      await Promise.all(Array.from({ length: 32 }, (_, id) => writer(id)))
      expect([...codes]).toEqual(['ENOSPC'])
      expect(written.length).toBeGreaterThan(50)
      await vive.close()

      const again = await ViveFS.open(join(disk, 'volume'), { engine })
      for (const name of written) expect((await again.fs.promises.stat(name)).size).toBe(300_000)
      for (const name of await again.fs.promises.readdir('/')) await again.fs.promises.rm(`/${name}`)
      expect(await again.fs.promises.readdir('/')).toEqual([])
      expect((await again.fsck()).clean).toBe(true)
      await again.close()
      await (await ViveFS.open(join(disk, 'volume'), { engine })).close()
    })

    test('when somebody else takes the last byte, the reserve is given up and deleting still works', async () => {
      const vive = await ViveFS.open(join(disk, 'volume'), { engine })
      for (let n = 0; n < 8; n++) await vive.fs.promises.writeFile(`/file-${n}`, incompressible(1 << 20, n + 1))
      await takeAllSpace(join(disk, 'stranger'))
      const { files, code } = await fill(vive)
      expect(code).toBe('ENOSPC')
      for (let n = 0; n < 7; n++) await vive.fs.promises.unlink(`/file-${n}`)
      await vive.sync()
      expect((await vive.fs.promises.readFile('/file-7')).equals(incompressible(1 << 20, 8))).toBe(true)
      await vive.close()
      rmSync(join(disk, 'stranger'))

      const again = await ViveFS.open(join(disk, 'volume'), { engine })
      // What was acknowledged is there; of the refused file there may be an empty beginning.
      const acknowledged = ['file-7', ...Array.from({ length: files }, (_, n) => `fill-${n}`)].sort()
      const names = (await again.fs.promises.readdir('/')).filter((name) => name !== `fill-${files}`).sort()
      expect(names).toEqual(acknowledged)
      expect((await again.fsck()).clean).toBe(true)
      await again.close()
    })

    async function takeAllSpace(path: string): Promise<void> {
      const { bavail, bsize } = await statfs(disk)
      let bytes = Math.min(64 << 20, bavail * bsize)
      while (bytes >= 4096) {
        await writeFile(path, Buffer.alloc(bytes, 1), { flag: 'a' }).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOSPC') throw error
        })
        const left = await statfs(disk)
        bytes = Math.min(64 << 20, left.bavail * left.bsize)
      }
    }
  },
)
