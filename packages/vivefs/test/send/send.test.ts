/** Snapshots as streams: the copy is the same, whole or by steps, and damage is noticed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { receive } from '../../src/send/open.ts'
import { ViveFS } from '../../src/vivefs.ts'
import { ok } from '../cli/terminal.ts'
import { fingerprint } from '../model/fingerprint.ts'
import { isDeep, type Random, seedOf, withSeed } from '../seed.ts'
import { anAction, attempt } from '../transaction/groups.ts'

const credentials = { uid: 0, gid: 0, groups: [], umask: 0o022 }
const ROUNDS = isDeep ? 60 : 3
let directory: string
let source: ViveFS
const copyAt = (): string => join(directory, 'copy')

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vivefs-send-'))
  source = await ViveFS.open('memory://', { credentials, extentBytes: 4096 })
})
afterEach(async () => {
  await source.close()
  rmSync(directory, { recursive: true, force: true })
})

async function act(random: Random, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await attempt(source.fs.promises, anAction(random))
}

async function collect(name: string, from?: string): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of source.send(name, from === undefined ? {} : { from })) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** In pieces of odd sizes, as a pipe brings them. */
async function* piped(bytes: Buffer, size = 7001): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function expectCopy(expected: string[]): Promise<void> {
  const copy = await ViveFS.open(copyAt(), { credentials, create: false })
  expect(await fingerprint(copy.fsal)).toEqual(expected)
  expect((await copy.fsck()).findings).toEqual([])
  expect(copy.volumeId).toBe(source.volumeId)
  await copy.close()
}

test('whole, then step by step', { timeout: 240_000 }, async () => {
  await withSeed(seedOf(), async (random) => {
    await source.users.add({ name: 'ann', uid: 1000, gid: 1000 }).catch(() => {})
    await act(random, 150)
    await source.snapshots.create('s0')
    await receive(copyAt(), piped(await collect('s0')), { engine: 'lsm' })
    await expectCopy(await fingerprint(source.snapshot('s0').fsal))
    let whole = 0
    let steps = 0
    for (let n = 1; n <= ROUNDS; n++) {
      await act(random, 40)
      await source.snapshots.create(`s${n}`)
      await act(random, 10)
      const step = await collect(`s${n}`, `s${n - 1}`)
      steps += step.length
      whole += (await collect(`s${n}`)).length
      if (n % 2 === 0) {
        // What somebody did to the copy is lost.
        const copy = await ViveFS.open(copyAt(), { credentials })
        for (let m = 0; m < 10; m++) await attempt(copy.fs.promises, anAction(random))
        await copy.close()
      }
      const report = await receive(copyAt(), piped(step))
      expect(report).toMatchObject({ snapshot: `s${n}`, from: `s${n - 1}` })
      await expectCopy(await fingerprint(source.snapshot(`s${n}`).fsal))
    }
    expect(steps).toBeLessThan(whole)
    const copy = await ViveFS.open(copyAt(), { credentials })
    expect(copy.snapshots.list().map(({ name }) => name)).toEqual(Array.from({ length: ROUNDS + 1 }, (_, n) => `s${n}`))
    expect(await fingerprint(copy.snapshot('s0').fsal)).toEqual(await fingerprint(source.snapshot('s0').fsal))
    await copy.fs.promises.writeFile('/mine', 'x')
    expect((await copy.fsck()).findings).toEqual([])
    await copy.close()
  })
})

test('damage and an early end are noticed; the same stream once more mends a step', { timeout: 120_000 }, async () => {
  await withSeed(seedOf(), async (random) => {
    await act(random, 60)
    await source.snapshots.create('a')
    const whole = await collect('a')
    const damage = { code: 'ERR_VIVEFS_CORRUPTION' }
    for (let n = 0; n < 6; n++) {
      const broken = Buffer.from(whole)
      const at = random.upTo(broken.length)
      broken[at] = broken[at]! ^ (1 << random.upTo(8))
      const place = join(directory, `broken${n}`)
      const error: unknown = await receive(place, piped(broken)).catch((thrown: unknown) => thrown)
      expect(error, `bit of byte ${at}`).toMatchObject(damage)
      const cut = receive(join(directory, `cut${n}`), piped(whole.subarray(0, random.upTo(whole.length))))
      await expect(cut).rejects.toMatchObject(damage)
    }
    await receive(copyAt(), piped(whole))
    await expect(receive(copyAt(), piped(whole))).rejects.toMatchObject({ code: 'ERR_VIVEFS_EXISTS' })
    for (let n = 0; n < 5; n++) await source.fs.promises.writeFile(`/big${n}`, random.bytes(600_000))
    await act(random, 40)
    await source.snapshots.create('b')
    const step = await collect('b', 'a')
    await expect(receive(copyAt(), piped(step.subarray(0, step.length - 30)))).rejects.toMatchObject(damage)
    await receive(copyAt(), piped(step))
    await expectCopy(await fingerprint(source.snapshot('b').fsal))
    await expect(source.send('a', { from: 'b' }).next()).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(source.send('none').next()).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('vivefs send and receive', { timeout: 60_000 }, async () => {
  const volume = join(directory, 'volume')
  const file = join(directory, 'stream')
  const vive = await ViveFS.open(volume, { credentials })
  await vive.fs.promises.writeFile('/f', 'text')
  await vive.snapshots.create('one')
  await vive.close()
  await ok('send', volume, 'one', '--output', file)
  expect(await ok('receive', copyAt(), file)).toMatch(/^received one: /)
  expect(await ok('cat', `${copyAt()}:/f`)).toBe('text')
})
