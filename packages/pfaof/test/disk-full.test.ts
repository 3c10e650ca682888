/**
 * A `directory` medium on a disk that really runs full: a small tmpfs, and a small ext4 in a file, mounted for the test. Needs the
 * right to mount; elsewhere the tests are reported as skipped. VIVEFS_DEEP=1: full before every allocation; otherwise a sample.
 */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory, openFault } from '@vivefs/media'
import { afterAll, describe, expect, test } from 'vitest'
import { Trace } from '../src/conformance/trace.ts'
import { runAsync, Volume } from '../src/index.ts'
import { countDown } from './crash.ts'

const STEP = process.env.VIVEFS_DEEP === '1' ? 1 : 29
const SEEDS =
  process.env.VIVEFS_SEED !== undefined
    ? [Number(process.env.VIVEFS_SEED)]
    : process.env.VIVEFS_DEEP === '1'
      ? [5, 6]
      : [5]
const DISK_MIB = 12
const SHAPE = { zoneCount: 400, zoneBytes: 32 << 10, preallocateBytes: 8 << 10, sparesMax: 2, reserveBytes: 256 << 10 }

interface Disk {
  readonly path: string
  unmount(): void
}

const quietly = { stdio: 'ignore' } as const

const MOUNTS: Record<string, (path: string, image: string) => void> = {
  tmpfs: (path) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', path], quietly)
  },
  ext4: (path, image) => {
    writeFileSync(image, '')
    truncateSync(image, DISK_MIB << 20)
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', image], quietly)
    execFileSync('mount', ['-o', 'loop', image, path], quietly)
  },
}

function mount(kind: string): Disk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'pfaof-full-'))
  const path = join(folder, 'disk')
  mkdirSync(path)
  try {
    MOUNTS[kind]!(path, join(folder, 'image'))
  } catch {
    rmSync(folder, { recursive: true })
    return undefined
  }
  return {
    path,
    unmount() {
      execFileSync('umount', [path])
      rmSync(folder, { recursive: true })
    },
  }
}

/** Takes every byte that is left. */
function takeAllSpace(disk: Disk): void {
  const zeros = Buffer.alloc(1 << 20)
  const fd = openSync(join(disk.path, 'stranger'), 'a')
  try {
    for (let bytes = zeros.length; bytes > 0; ) {
      try {
        if (writeSync(fd, zeros, 0, bytes) < bytes) bytes = Math.floor(bytes / 2)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        bytes = Math.floor(bytes / 2)
      }
    }
  } finally {
    closeSync(fd)
  }
  expect(statfsSync(disk.path).bavail).toBe(0)
}

const giveSpaceBack = (disk: Disk) => rmSync(join(disk.path, 'stranger'), { force: true })

/** One trace during which the disk is full from the nth media operation on; false when there are fewer. */
async function fullFrom(disk: Disk, seed: number, nth: number): Promise<boolean> {
  const path = join(disk.path, 'volume')
  const inner = openDirectory({ path, ...SHAPE })
  const medium = openFault(inner)
  const volume = await Volume.create({ media: { m: medium }, now: () => 1 })
  let left = nth
  countDown(medium, () => {
    if (--left === 0) takeAllSpace(disk)
  })
  const trace = new Trace({ seed, operations: 120, media: ['m'], appendBytesMax: 16 << 10 })
  const where = () => `VIVEFS_SEED=${seed}, full from ${nth} on\n${trace.log.slice(-12).join('\n')}`
  try {
    await trace.run(volume)
    // Reads go on, and all deletes do.
    await trace.oracle.checkLive(volume)
    const kept = trace.oracle.names()[0]
    for (const name of trace.oracle.names().slice(1)) {
      trace.oracle.change((names) => names.delete(name))
      await runAsync(volume.delete(name))
    }
    await runAsync(volume.sync())
    trace.oracle.tableDurable()
    await trace.oracle.checkLive(volume)
    giveSpaceBack(disk)
    // Appends go on once there is space.
    const more = new Trace({ seed: seed + 1, operations: 0, media: ['m'] })
    expect(more.log).toEqual([])
    const file = await runAsync(volume.create({ name: 'afterwards', media: ['m'] }))
    await runAsync(file.append([Buffer.alloc(100_000, 7)]))
    await runAsync(file.seal())
    expect(kept === undefined || volume.stat(kept) !== undefined).toBe(true)
    await volume.close()
    await medium.close()
    const again = openDirectory({ path })
    const reopened = await Volume.open({ media: { m: again } })
    const into = Buffer.alloc(100_000)
    expect(await runAsync((await runAsync(reopened.open('afterwards'))).read(0, into))).toBe(100_000)
    expect(into.every((byte) => byte === 7)).toBe(true)
    await runAsync(reopened.delete('afterwards'))
    await trace.oracle.checkRecovered(reopened)
    await reopened.close()
    await again.close()
  } catch (error) {
    throw new Error(`${where()}\n${String(error)}`, { cause: error })
  } finally {
    giveSpaceBack(disk)
    await medium.close()
    rmSync(path, { recursive: true, force: true })
  }
  return left <= 0
}

for (const kind of Object.keys(MOUNTS)) {
  const disk = mount(kind)
  afterAll(() => disk?.unmount())

  describe.skipIf(disk === undefined)(
    `a full disk (${kind}${disk === undefined ? ': cannot be mounted here' : ''})`,
    () => {
      test('at every allocation: reads and deletes go on, then appends', { timeout: 900_000 }, async () => {
        for (const seed of SEEDS) {
          let points = 0
          for (let nth = 1; await fullFrom(disk!, seed, nth); nth += STEP) points++
          console.log(`disk full: ${kind}, seed ${seed}, ${points} points, 0 acknowledged and lost`)
          expect(points).toBeGreaterThan(100 / STEP)
        }
      })
    },
  )
}
