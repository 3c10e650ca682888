/**
 * fallocate in all its modes, SEEK_DATA and SEEK_HOLE, beside ext4: the same generated steps on a file of the host, done by
 * a child process. Offsets are multiples of one extent, of which ext4's blocks are a part; errors also with others.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { FilesystemError } from '../../src/errors.ts'
import type { Handle } from '../../src/fsal/handle.ts'
import { type Op, runAsync } from '../../src/op.ts'
import { type BareVolume, openBare, root } from '../bare-volume.ts'
import { isDeep, type Random, seedOf, withSeed } from '../seed.ts'

const EXTENT = 65_536
const LIVES = isDeep ? 200 : 4
const STEPS = 40

interface Step {
  readonly kind: string
  readonly offset: number
  readonly length: number
  readonly byte: number
}

interface State {
  readonly code: string
  readonly size: number
  readonly digest: string
  readonly segments: readonly (readonly [number, number])[]
}

function aStep(random: Random): Step {
  const units = (max: number): number => random.upTo(max) * EXTENT
  const kind = random.pick(['write', 'write', 'write', 'truncate', 'allocate', 'keep', 'punch', 'zero', 'zeroKeep'])
  const shifts = random.chance(0.35) ? random.pick(['collapse', 'insert']) : kind
  // ext4 takes any multiple of its own block: only what is none of either is refused by both.
  const odd = shifts !== 'write' && shifts !== 'truncate' && shifts === 'collapse' && random.chance(0.1) ? 1 : 0
  return {
    kind: shifts,
    offset: units(12) + odd,
    length: units(6) + (shifts === 'truncate' ? units(6) : shifts === 'write' ? EXTENT : 0),
    byte: 1 + random.upTo(255),
  }
}

async function apply(volume: BareVolume, handle: Handle, step: Step): Promise<State> {
  const { fsal } = volume
  let code = ''
  try {
    await runAsync(operation(volume, handle, step))
  } catch (error) {
    if (!FilesystemError.is(error)) throw error
    code = error.code
  }
  const { size } = await runAsync(fsal.getattr(root, handle, undefined))
  const into = Buffer.alloc(size)
  await runAsync(fsal.read(root, handle, { offset: 0, into }))
  const segments: [number, number][] = []
  for (let at = 0; ; ) {
    const data = await seek(volume, handle, 'data', at)
    if (data === undefined) break
    at = (await seek(volume, handle, 'hole', data))!
    segments.push([data, at])
  }
  return { code, size, digest: createHash('sha1').update(into).digest('hex'), segments }
}

function operation({ fsal }: BareVolume, handle: Handle, { kind, offset, length, byte }: Step): Op<unknown> {
  if (kind === 'write') return fsal.write(root, handle, { offset, data: Buffer.alloc(length, byte) })
  if (kind === 'truncate') return fsal.setattr(root, handle, { size: length })
  const mode = ({ keep: 'allocate', zeroKeep: 'zero' } as Record<string, string>)[kind] ?? kind
  const keepSize = kind === 'keep' || kind === 'zeroKeep' || kind === 'punch'
  return fsal.fallocate(root, handle, { mode: mode as never, offset, length, keepSize })
}

async function seek({ fsal }: BareVolume, handle: Handle, what: 'data' | 'hole', offset: number) {
  try {
    return await runAsync(fsal.seek(root, handle, { what, offset }))
  } catch (error) {
    if (FilesystemError.is(error) && error.code === 'ENXIO') return undefined
    throw error
  }
}

const hasExt4 = (): boolean => {
  try {
    const type = execFileSync('stat', ['-f', '-c', '%T', tmpdir()], { encoding: 'utf8' })
    return type.startsWith('ext') && spawnSync('python3', ['-c', '']).status === 0
  } catch {
    return false
  }
}

/** Neighbouring data is one. */
const joined = (segments: State['segments']): [number, number][] => {
  const out: [number, number][] = []
  for (const [from, to] of segments) {
    const last = out.at(-1)
    if (last !== undefined && last[1] === from) last[1] = to
    else out.push([from, to])
  }
  return out
}

test.skipIf(!hasExt4())('as ext4, step by step', { timeout: 300_000 }, async () => {
  await withSeed(seedOf(), async (random) => {
    const directory = mkdtempSync(join(tmpdir(), 'vivefs-space-'))
    try {
      const done: Record<string, number> = {}
      for (let life = 0; life < LIVES; life++) {
        const steps = Array.from({ length: STEPS }, () => aStep(random))
        const script = fileURLToPath(new URL('host.py', import.meta.url))
        const input = steps.map((step) => JSON.stringify(step)).join('\n')
        const out = execFileSync('python3', [script, join(directory, 'file')], { input, encoding: 'utf8' })
        const expected = out
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as State)
        const volume = await openBare(undefined, { extentBytes: EXTENT })
        const { handle } = await runAsync(
          volume.fsal.create(root, volume.fsal.root(), { name: Buffer.from('f'), mode: 0o600 }),
        )
        for (const [n, step] of steps.entries()) {
          const where = `life ${life}, step ${n}: ${JSON.stringify(step)}`
          const state = await apply(volume, handle, step)
          expect({ ...state, segments: joined(state.segments) }, where).toEqual(expected[n])
          const key = `${step.kind}${state.code === '' ? '' : ` ${state.code}`}`
          done[key] = (done[key] ?? 0) + 1
        }
        await volume.core.jobs.idle()
        expect((await volume.fsck()).findings, `life ${life}`).toEqual([])
        await volume.close()
      }
      expect(done.collapse).toBeGreaterThan(1)
      expect(done.insert).toBeGreaterThan(1)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

async function aFile(extentBytes: number): Promise<{ volume: BareVolume; handle: Handle }> {
  const volume = await openBare(undefined, { extentBytes })
  const what = { name: Buffer.from('f'), mode: 0o600 }
  return { volume, handle: (await runAsync(volume.fsal.create(root, volume.fsal.root(), what))).handle }
}

async function closeClean(volume: BareVolume): Promise<void> {
  await volume.core.jobs.idle()
  expect((await volume.fsck()).findings).toEqual([])
  await volume.close()
}

test('any number of shifts: the cuts are consolidated', async () => {
  const { volume, handle } = await aFile(4096)
  const { fsal } = volume
  await runAsync(fsal.write(root, handle, { offset: 0, data: Buffer.alloc(100_000, 7) }))
  for (let n = 0; n < 40; n++) {
    const mode = n % 2 === 0 ? 'insert' : 'collapse'
    await runAsync(fsal.fallocate(root, handle, { mode, offset: 8192, length: 4096 }))
  }
  const into = Buffer.alloc(100_000)
  await runAsync(fsal.read(root, handle, { offset: 0, into }))
  expect(into.equals(Buffer.alloc(100_000, 7))).toBe(true)
  await closeClean(volume)
})

test('more than may move at once is refused, with nothing changed', async () => {
  const { volume, handle } = await aFile(EXTENT)
  const { fsal } = volume
  for (let n = 0; n < 5; n++) {
    await runAsync(fsal.write(root, handle, { offset: n * (7 << 20), data: Buffer.alloc(7 << 20, 8) }))
  }
  const before = await runAsync(fsal.getattr(root, handle, undefined))
  const insert = runAsync(fsal.fallocate(root, handle, { mode: 'insert', offset: EXTENT, length: EXTENT }))
  await expect(insert).rejects.toMatchObject({ code: 'EFBIG' })
  const after = await runAsync(fsal.getattr(root, handle, undefined))
  expect([after.size, after.blocks]).toEqual([before.size, before.blocks])
  await closeClean(volume)
})

test('a shift from the start while a trim still counts: no byte is counted twice or never', async () => {
  const { volume, handle } = await aFile(4096)
  const { fsal } = volume
  // With a hole, so that nobody knows what a cut hides before its rows are read.
  await runAsync(fsal.write(root, handle, { offset: 0, data: Buffer.alloc(1500 * 4096, 9) }))
  await runAsync(fsal.fallocate(root, handle, { mode: 'punch', offset: 8192, length: 4096, keepSize: true }))
  await Promise.all([
    runAsync(fsal.setattr(root, handle, { size: 700 * 4096 })),
    runAsync(fsal.fallocate(root, handle, { mode: 'collapse', offset: 0, length: 4096 })),
  ])
  expect((await runAsync(fsal.getattr(root, handle, undefined))).size).toBe(699 * 4096)
  await closeClean(volume)
})
