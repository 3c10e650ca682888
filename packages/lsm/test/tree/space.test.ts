import { expect, test } from 'vitest'
import { isLevelError } from '../../src/error.ts'
import { PUT } from '../../src/kind.ts'
import { runAsync, runSync } from '../../src/op.ts'
import { VersionSet } from '../../src/version/version-set.ts'
import { TestEngine } from './engine.ts'
import { memory, newStorage, sameStorage } from './ground.ts'

const everything = { smallest: Buffer.alloc(0), largest: Buffer.from('~'), largestIncluded: true }

test('full media refuse flushes and compactions, poison nothing, and serve again when there is space', async () => {
  const medium = memory(64 << 10, 24)
  const storage = await newStorage(medium)
  const engine = await TestEngine.create(storage, { options: { level0Trigger: 1000 } })
  const expected = new Map<string, string>()
  const fill = (round: number) => {
    for (let i = 0; i < 50; i++) {
      const key = `k${String(i * 20 + (round % 20)).padStart(4, '0')}`
      engine.write(PUT, key, `${round}:${'x'.repeat(100)}`)
      expected.set(key, `${round}:${'x'.repeat(100)}`)
    }
  }
  for (let round = 0; round < 8; round++) {
    fill(round)
    await engine.flush()
  }
  const ballast = engine.versions.newNumber()
  const file = runSync(storage.create('table', ballast, { bytesExpected: 0 }))
  let full: unknown
  try {
    for (;;) await runAsync(file.append([Buffer.alloc(16_000)]))
  } catch (error) {
    full = error
  }
  expect(isLevelError(full) && full.code).toBe('LEVEL_NO_SPACE')
  fill(100)
  const waiting = engine.memtable
  let refused = 0
  for (let i = 0; i < 5; i++) {
    await engine.compactor.flush([waiting], engine.versions.logNumber).then(
      () => expect.fail('the media are full'),
      (error) => {
        expect(error.code).toBe('LEVEL_NO_SPACE')
        refused++
      },
    )
  }
  await expect(engine.compactor.compactRange(everything)).rejects.toMatchObject({ code: 'LEVEL_NO_SPACE' })
  expect(refused).toBe(5)
  expect(engine.failure).toBeUndefined()
  const left = new Set(storage.list().flatMap(({ kind, number }) => (kind === 'table' ? [number] : [])))
  left.delete(ballast)
  expect(left).toEqual(engine.versions.liveTables()) // what failed half way is gone

  await runAsync(storage.remove('table', ballast))
  await runAsync(storage.volume.sync())
  await engine.flush()
  await engine.compactor.compactRange(everything)
  expect(await engine.see(Number.MAX_SAFE_INTEGER)).toEqual(new Map([...expected].sort(([a], [b]) => (a < b ? -1 : 1))))
  await engine.close()
  await storage.close()
  const again = await sameStorage(medium)
  const versions = await runAsync(VersionSet.recover(again))
  expect(await new TestEngine(again, versions).see(Number.MAX_SAFE_INTEGER)).toEqual(expected)
  await again.close()
})

test('a manifest that does not fit leaves the tree as it was', async () => {
  const medium = memory(64 << 10, 12)
  const storage = await newStorage(medium)
  const versions = await runAsync(VersionSet.create(storage, { manifestBytesMax: 0 }))
  const name = (i: number) => `snapshot ${i} ${'n'.repeat(900)}`
  let pinned = 0
  let error: unknown
  while (error === undefined && pinned < 2000) {
    try {
      await runAsync(versions.apply({ pinned: [{ name: name(pinned), sequence: 0, createdMs: 0 }] }))
      pinned++
    } catch (caught) {
      error = caught
    }
  }
  expect(isLevelError(error) && error.code).toBe('LEVEL_NO_SPACE')
  expect(versions.pinned.size).toBe(pinned)
  await storage.close().catch(() => {})
  const again = await sameStorage(medium)
  const recovered = await runAsync(VersionSet.recover(again))
  expect(recovered.pinned.size).toBe(pinned)
  await again.close()
})
