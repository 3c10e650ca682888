/**
 * A `directory` medium on a disk that really runs full: a small tmpfs, and a small ext4 in a file, mounted for the test. Needs the
 * right to mount; elsewhere the tests are reported as skipped. VIVEFS_DEEP=1: full before every allocation; otherwise a sample.
 */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DirectoryMedium, openDirectory, openFault } from '@vivefs/media'
import { afterAll, describe, expect, test } from 'vitest'
import { Trace } from '../src/conformance/trace.ts'
import { crc32, runAsync, Volume } from '../src/index.ts'
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

/** Takes every byte that is left; more than once where the filesystem finds some afterwards. */
function takeAllSpace(disk: Disk): void {
  const fd = openSync(join(disk.path, 'stranger'), 'a')
  try {
    for (let round = 0; round === 0 || statfsSync(disk.path).bavail > 0; round++) {
      expect(round).toBeLessThan(100)
      fill(fd)
    }
  } finally {
    closeSync(fd)
  }
}

function fill(fd: number): void {
  const zeros = Buffer.alloc(1 << 20)
  for (let bytes = zeros.length; bytes > 0; ) {
    try {
      if (writeSync(fd, zeros, 0, bytes) < bytes) bytes = Math.floor(bytes / 2)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      bytes = Math.floor(bytes / 2)
    }
  }
}

const giveSpaceBack = (disk: Disk) => rmSync(join(disk.path, 'stranger'), { force: true })

/** Points at which the disk ran full, and those where something was refused then. */
interface Counts {
  points: number
  refused: number
}

/** One trace during which the disk is full from the nth media operation on; false when there are fewer. */
async function fullFrom(disk: Disk, seed: number, nth: number, counts: Counts): Promise<boolean> {
  const path = join(disk.path, 'volume')
  const inner = openDirectory({ path, ...SHAPE })
  const medium = openFault(inner)
  const volume = await Volume.create({ media: { m: medium }, now: () => 1 })
  let left = nth
  let running = true
  countDown(medium, () => {
    if (running && --left === 0) takeAllSpace(disk)
  })
  const trace = new Trace({ seed, operations: 120, media: ['m'], appendBytesMax: 16 << 10 })
  const where = () => `VIVEFS_SEED=${seed}, full from ${nth} on\n${trace.log.slice(-12).join('\n')}`
  try {
    await trace.run(volume)
    running = false
    // Reads go on, and deletes do.
    await trace.oracle.checkLive(volume)
    for (const name of trace.oracle.names().slice(1)) {
      trace.oracle.change((names) => names.delete(name))
      await runAsync(volume.delete(name))
    }
    await runAsync(volume.sync())
    trace.oracle.tableDurable()
    await trace.oracle.checkLive(volume)
    if (left <= 0) counts.points++
    if (trace.log.some((line) => line.includes('PFAOF_NO_SPACE'))) counts.refused++
    giveSpaceBack(disk)
    // Appends go on once there is space.
    const file = await runAsync(volume.create({ name: 'afterwards', media: ['m'] }))
    await runAsync(file.append([Buffer.alloc(100_000, 7)]))
    await runAsync(file.seal())
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

const NAMES = Array.from({ length: 400 }, (_, i) => `f${i}`)
const contentOf = (i: number) => Buffer.alloc(300, i)

async function makeFiles(volume: Volume): Promise<void> {
  for (const [i, name] of NAMES.entries()) {
    const file = await runAsync(volume.create({ name, media: ['m'] }))
    await runAsync(file.append([contentOf(i)]))
    await runAsync(file.sync())
  }
}

/** Reads all files, then deletes them while the disk is full. */
async function readAndDelete(volume: Volume): Promise<void> {
  const into = Buffer.alloc(400)
  for (const [i, name] of NAMES.entries()) {
    const bytes = await runAsync((await runAsync(volume.open(name))).read(0, into))
    expect(into.subarray(0, bytes).equals(contentOf(i)), name).toBe(true)
  }
  for (const name of NAMES) await runAsync(volume.delete(name))
  await runAsync(volume.sync())
  expect([...volume.list()]).toEqual([])
}

async function withFiles(
  disk: Disk,
  body: (path: string, medium: DirectoryMedium, volume: Volume) => Promise<void>,
): Promise<void> {
  const path = join(disk.path, 'volume')
  const medium = openDirectory({ path, ...SHAPE })
  try {
    const volume = await Volume.create({ media: { m: medium } })
    await makeFiles(volume)
    await body(path, medium, volume)
  } finally {
    giveSpaceBack(disk)
    await medium.close()
    rmSync(path, { recursive: true })
  }
}

/** The table grows by every delete until the space below it is used up. */
async function deleteFromReserve(disk: Disk): Promise<void> {
  await withFiles(disk, async (path, _, volume) => {
    takeAllSpace(disk)
    expect(existsSync(join(path, 'reserve'))).toBe(true)
    await readAndDelete(volume)
    giveSpaceBack(disk)
    await makeFiles(volume)
    await volume.close()
    expect(existsSync(join(path, 'reserve')), 'the reserve is whole again').toBe(true)
  })
}

/** As after a crash: the lock of a dead process, unsealed files. */
async function openOnFullDisk(disk: Disk): Promise<void> {
  await withFiles(disk, async (path, medium) => {
    const lock = join(path, 'medium.lock')
    const { crc: _, ...holder } = JSON.parse(readFileSync(lock, 'utf8')) as Record<string, unknown>
    await medium.close()
    const dead = { ...holder, startTime: '1' }
    writeFileSync(lock, JSON.stringify({ ...dead, crc: crc32(Buffer.from(JSON.stringify(dead))) }))
    takeAllSpace(disk)
    const again = openDirectory({ path, ...SHAPE })
    try {
      const reopened = await Volume.open({ media: { m: again } })
      await readAndDelete(reopened)
      await reopened.close()
    } finally {
      await again.close()
    }
  })
}

for (const kind of Object.keys(MOUNTS)) {
  const disk = mount(kind)
  const title = `a full disk (${kind}${disk === undefined ? ': cannot be mounted here' : ''})`
  afterAll(() => disk?.unmount())

  describe.skipIf(disk === undefined)(title, () => {
    test('at every allocation: reads and deletes go on, then appends', { timeout: 900_000 }, async () => {
      for (const seed of SEEDS) {
        const counts: Counts = { points: 0, refused: 0 }
        for (let nth = 1; await fullFrom(disk!, seed, nth, counts); nth += STEP);
        const { points, refused } = counts
        console.log(
          `disk full: ${kind}, seed ${seed}, ${points} points, appends refused at ${refused}, 0 acknowledged and lost`,
        )
        expect(points).toBeGreaterThan(100 / STEP)
        expect(refused).toBeGreaterThan(0)
      }
    })

    test('deletes go on in the reserve, which is made whole when there is space', { timeout: 120_000 }, () =>
      deleteFromReserve(disk!),
    )

    test('after a crash the volume opens on the full disk, and files can be deleted', { timeout: 120_000 }, () =>
      openOnFullDisk(disk!),
    )
  })
}
