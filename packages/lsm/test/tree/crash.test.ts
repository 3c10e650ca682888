import { type Medium, SeededRandom } from '@vivefs/media'
import { expect, test } from 'vitest'
import { isLevelError } from '../../src/error.ts'
import { DELETE, MERGE, PUT, RANGE_DELETE } from '../../src/kind.ts'
import { runAsync } from '../../src/op.ts'
import { VersionSet } from '../../src/version/version-set.ts'
import { Oracle, TestEngine } from './engine.ts'
import { newStorage, sameStorage } from './ground.ts'
import { CUTS, closeAll, Powered } from './power.ts'

const deep = process.env.VIVEFS_DEEP === '1'
const MANIFEST_BYTES = 200

/** What a run without a log may come back as: the state of the last flush that was acknowledged, or of one begun later. */
interface Run {
  readonly states: readonly ReadonlyMap<string, string>[]
  readonly created: boolean
  readonly acknowledged: number
  readonly error: unknown
  readonly manifests: number
}

/** Flushes and compactions of random writes, until the end or the power cut. No snapshots: the oracle is asked for states of flushes. */
async function run(medium: Medium, seed: number, flushes: number): Promise<Run> {
  const random = new SeededRandom(seed)
  const oracle = new Oracle()
  const states = [oracle.state]
  let created = false
  let acknowledged = 0
  let error: unknown
  let manifests = 0
  try {
    const storage = await newStorage(medium)
    const versions = await runAsync(VersionSet.create(storage, { manifestBytesMax: MANIFEST_BYTES }))
    created = true
    const engine = new TestEngine(storage, versions, { options: { tableBytes: 1500, baseBytes: 3000 } })
    for (let i = 0; i < flushes; i++) {
      for (let n = 0; n < 25; n++) {
        const what = random.next()
        const key = `k${Math.floor(random.next() * 60)}`
        const kind = what < 0.6 ? PUT : what < 0.75 ? MERGE : what < 0.95 ? DELETE : RANGE_DELETE
        const value = kind === RANGE_DELETE ? `${key}~` : kind === DELETE ? '' : `${i}.${n};`
        engine.write(kind, key, value)
        oracle.write(kind, key, value)
      }
      states.push(oracle.state)
      await engine.flush()
      acknowledged = i + 1
      if (random.next() < 0.5) await engine.compactor.idle()
    }
    await engine.compactor.idle()
    manifests = Math.max(...storage.list().map(({ kind, number }) => (kind === 'manifest' ? number : 0)))
    await engine.close()
    await storage.close()
  } catch (caught) {
    error = caught
  }
  return { states, created, acknowledged, error, manifests }
}

/** Opens what is left and compares it with what may be there. */
async function checkRecovery(medium: Medium, one: Run, label: string): Promise<void> {
  let storage: Awaited<ReturnType<typeof sameStorage>>
  try {
    storage = await sameStorage(medium)
  } catch (error) {
    expect(one.created, `${label}: ${error}`).toBe(false)
    return
  }
  let versions: VersionSet
  try {
    versions = await runAsync(VersionSet.recover(storage, { manifestBytesMax: MANIFEST_BYTES }))
  } catch (error) {
    expect(one.created || !isLevelError(error) || error.code !== 'LEVEL_MISSING', `${label}: ${error}`).toBe(false)
    await storage.close()
    return
  }
  const engine = new TestEngine(storage, versions)
  await runAsync(versions.removeOrphans())
  const tables = storage.list().filter(({ kind }) => kind === 'table')
  expect(new Set(tables.map(({ number }) => number)), label).toEqual(versions.liveTables())
  for (const { meta } of versions.current.tables()) {
    const reader = await runAsync(engine.tables.get(meta))
    expect(await runAsync(reader.verify()), label).toBeUndefined()
    expect(reader.meta, label).toEqual(meta)
  }
  const seen = JSON.stringify([...(await engine.see(Number.MAX_SAFE_INTEGER))])
  const allowed = one.states.slice(one.acknowledged).map((state) => JSON.stringify([...state]))
  expect(allowed, label).toContain(seen)
  // The tree goes on from there.
  engine.write(PUT, 'after', 'the crash')
  await engine.flush()
  await engine.compactor.idle()
  expect((await engine.see(Number.MAX_SAFE_INTEGER)).get('after'), label).toBe('the crash')
  await engine.close()
  await storage.close()
}

test('power is cut at every write of flushes, compactions and manifests: a state of a flush comes back', async () => {
  const flushes = deep ? 40 : 14
  const seeds = deep ? [11, 12, 13] : [11]
  for (const seed of seeds) {
    const whole = Powered.empty(seed, 0)
    const complete = await run(whole.media.main!, seed, flushes)
    expect(complete.error).toBeUndefined()
    expect(complete.acknowledged).toBe(flushes)
    expect(complete.manifests).toBeGreaterThan(30) // file number of one that was started late
    const { operations } = whole
    await whole.close()
    const step = deep ? 1 : 9
    let recoveries = 0
    for (let cutAt = 1 + (seed % step); cutAt <= operations; cutAt += step) {
      const powered = Powered.empty(seed, cutAt)
      const one = await run(powered.media.main!, seed, flushes)
      for (const [i, cut] of CUTS.entries()) {
        if (!deep && (i + cutAt) % 2 === 0) continue
        const left = await powered.after(cut, cutAt)
        await checkRecovery(left.main!, one, `seed ${seed}, cut at ${cutAt} of ${operations}, ${JSON.stringify(cut)}`)
        await closeAll(left)
        recoveries++
      }
      await powered.close()
    }
    expect(recoveries).toBeGreaterThan(30)
  }
}, 3_600_000)

test('power is cut again during recovery, at every write', async () => {
  const seed = 21
  const flushes = 8
  const whole = Powered.empty(seed, 0)
  await run(whole.media.main!, seed, flushes)
  const { operations } = whole
  await whole.close()
  const step = deep ? 3 : 41
  for (let cutAt = Math.floor(operations / 3); cutAt <= operations; cutAt += step) {
    const first = Powered.empty(seed, cutAt)
    const one = await run(first.media.main!, seed, flushes)
    for (let again = 1; ; again += deep ? 1 : 4) {
      const second = new Powered(await first.after(CUTS[1]!, cutAt), seed, again)
      let ended = false
      try {
        const storage = await sameStorage(second.media.main!)
        const versions = await runAsync(VersionSet.recover(storage))
        await runAsync(versions.apply({ logNumber: versions.logNumber }))
        await runAsync(versions.removeOrphans())
        await storage.close()
        ended = true
      } catch (error) {
        expect(second.operations, `cut at ${cutAt}, ${error}`).toBeGreaterThanOrEqual(again)
      }
      const left = await second.after(CUTS[again % CUTS.length]!, again)
      await checkRecovery(left.main!, one, `seed ${seed}, cut at ${cutAt}, again at ${again}`)
      await closeAll(left)
      await second.close()
      if (ended) break
    }
    await first.close()
  }
}, 3_600_000)

test('an append or flush that fails, at every one of them, poisons; what was acknowledged is there when it is opened anew', async () => {
  const seed = 31
  const flushes = 8
  for (const name of ['appendSync', 'flush'] as const) {
    for (let failAt = 1, failed = true; failed; failAt += deep ? 1 : 7) {
      const powered = Powered.empty(seed, 0)
      const target = powered.media.main! as unknown as Record<string, (...args: unknown[]) => unknown>
      const before = target[name]!
      let calls = 0
      target[name] = (...args: unknown[]) => {
        if (++calls === failAt) throw Object.assign(new Error('the medium is sick'), { code: 'MEDIA_IO' })
        return before.apply(powered.media.main!, args)
      }
      const one = await run(powered.media.main!, seed, flushes)
      failed = calls >= failAt
      if (failed && one.created && one.error !== undefined) expect(isLevelError(one.error), `${one.error}`).toBe(true)
      const left = await powered.after(CUTS[3]!, failAt)
      await checkRecovery(left.main!, one, `${name} ${failAt}`)
      await closeAll(left)
      await powered.close()
    }
  }
}, 3_600_000)
