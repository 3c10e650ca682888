import { expect, test } from 'vitest'
import { isLevelError } from '../../src/error.ts'
import {
  decodeManifestHeader,
  decodeRecord,
  encodeManifestHeader,
  encodeRecord,
} from '../../src/manifest/manifest-file.ts'
import { decodeEdit, encodeEdit, type VersionEdit } from '../../src/manifest/version-edit.ts'
import { runAsync, runSync } from '../../src/op.ts'
import type { TableMeta } from '../../src/table-meta.ts'
import { VersionSet } from '../../src/version/version-set.ts'
import { memory, newStorage, sameStorage } from './ground.ts'

function meta(number: number, from: string, to: string, sequence = number): TableMeta {
  return {
    number,
    bytes: 1000 + number,
    smallest: Buffer.from(from),
    largest: Buffer.from(to),
    largestIncluded: true,
    smallestSequence: sequence,
    largestSequence: sequence,
    entries: 10,
    deletions: 1,
    rangeDeletions: 0,
    rawBytes: 2000,
    createdMs: 5,
  }
}

const numbers = (versions: VersionSet) => versions.current.levels.map((tables) => tables.map(({ number }) => number))

function code(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (isLevelError(error)) return error.code
    throw error
  }
  return 'none'
}

test('an edit survives its encoding', () => {
  const edit: VersionEdit = {
    base: true,
    lastSequence: Number.MAX_SAFE_INTEGER,
    nextNumber: 2 ** 32,
    logNumber: 3,
    added: [{ level: 3, meta: { ...meta(7, '', 'zz'), largestIncluded: false, bytes: 2 ** 32 - 1 } }],
    removed: [{ level: 0, number: 9 }],
    pinned: [{ name: 'évé', sequence: 4, createdMs: 1e12 }],
    unpinned: ['x'],
    mergeOperator: 'counter',
  }
  expect(decodeEdit(encodeEdit(edit))).toEqual(edit)
})

test('a manifest that is not as it was written is a verdict, whatever bit is wrong', () => {
  const file = Buffer.concat([
    encodeManifestHeader(),
    ...encodeRecord({ base: true, added: [{ level: 1, meta: meta(1, 'a', 'b') }] }),
  ])
  for (let bit = 0; bit < file.length * 8; bit++) {
    const damaged = Buffer.from(file)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    const verdict = bit < 32 * 8 ? decodeManifestHeader(damaged, false) : decodeRecord(damaged, 32)
    expect(verdict, `bit ${bit}`).toHaveProperty('fault')
  }
  for (let bytes = 0; bytes < file.length; bytes++) {
    const cut = file.subarray(0, bytes)
    expect(bytes < 32 ? decodeManifestHeader(cut, false) : decodeRecord(cut, 32)).toHaveProperty('fault')
  }
})

test('versions come back after closing, with numbers that were never given out', async () => {
  const medium = memory()
  const storage = await newStorage(medium)
  const versions = await runAsync(VersionSet.create(storage, { mergeOperator: 'm' }))
  const [a, b, c] = [versions.newNumber(), versions.newNumber(), versions.newNumber()] as [number, number, number]
  versions.lastSequence = 50
  runSync(
    versions.apply({
      added: [
        { level: 0, meta: meta(a, 'a', 'm') },
        { level: 0, meta: meta(b, 'c', 'z') },
      ],
    }),
  )
  runSync(
    versions.apply({
      removed: [{ level: 0, number: a }],
      added: [{ level: 6, meta: meta(a, 'a', 'm') }],
      logNumber: c,
    }),
  )
  runSync(versions.apply({ pinned: [{ name: 's', sequence: 9, createdMs: 1 }] }))
  expect(numbers(versions)).toEqual([[b], [], [], [], [], [], [a]])
  expect(versions.current.tableFor(6, Buffer.from('m'))?.number).toBe(a)
  expect(versions.current.tableFor(6, Buffer.from('ma'))).toBeUndefined()
  await runAsync(versions.close())
  await storage.close()

  const again = await sameStorage(medium)
  expect(await runAsync(VersionSet.recover(again)).catch((error) => error.code)).toBe('LEVEL_MERGE_OPERATOR')
  const recovered = await runAsync(VersionSet.recover(again, { mergeOperator: 'm' }))
  expect(numbers(recovered)).toEqual([[b], [], [], [], [], [], [a]])
  expect(recovered.lastSequence).toBe(50)
  expect(recovered.logNumber).toBe(c)
  expect(recovered.pinned.get('s')?.sequence).toBe(9)
  expect(recovered.newNumber()).toBeGreaterThan(c)
  await again.close()
})

test('an edit that breaks an invariant is refused, and changes nothing', async () => {
  const storage = await newStorage()
  const versions = await runAsync(VersionSet.create(storage))
  versions.lastSequence = 100
  const [a, b] = [versions.newNumber(), versions.newNumber()] as [number, number]
  runSync(
    versions.apply({
      logNumber: a,
      added: [{ level: 1, meta: meta(a, 'b', 'd') }],
      pinned: [{ name: 's', sequence: 1, createdMs: 0 }],
    }),
  )
  const bad: Record<string, VersionEdit> = {
    M1: { added: [{ level: 0, meta: meta(1000, 'a', 'b', 3) }] },
    M2: { removed: [{ level: 2, number: a }] },
    M3: { added: [{ level: 2, meta: { ...meta(b, 'a', 'a'), largestIncluded: false } }] },
    M4: { added: [{ level: 1, meta: meta(b, 'd', 'e') }] },
    M5: { added: [{ level: 2, meta: meta(b, 'd', 'e', 101) }] },
    M6: { logNumber: 0 },
    M9: { unpinned: ['t'] },
  }
  for (const [invariant, edit] of Object.entries(bad)) {
    expect(() => runSync(versions.apply(edit)), invariant).toThrow(new RegExp(`refused: ${invariant} `))
  }
  const twice = [0, 0].map((level) => ({ level, meta: meta(b, 'a', 'b', 3) }))
  expect(() => runSync(versions.apply({ added: twice }))).toThrow(/M1/)
  const c = versions.newNumber()
  const shared = [meta(b, 'a', 'b', 3), meta(c, 'x', 'y', 3)].map((one) => ({ level: 0, meta: one }))
  expect(() => runSync(versions.apply({ added: shared }))).toThrow(/M7/)
  expect(numbers(versions)).toEqual([[], [a], [], [], [], [], []])
  runSync(versions.apply({ added: [{ level: 1, meta: { ...meta(b, 'a', 'b'), largestIncluded: false } }] }))
  expect(numbers(versions)[1]).toEqual([b, a])
  await storage.close()
})

test('files of a version stay as long as somebody refers to it', async () => {
  const storage = await newStorage()
  const versions = await runAsync(VersionSet.create(storage))
  const table = () => {
    const number = versions.newNumber()
    versions.lastSequence++
    runSync(storage.create('table', number, { bytesExpected: 0 }))
    return meta(number, 'a', 'b', versions.lastSequence)
  }
  const gone: number[] = []
  const sweep = () => runSync(versions.removeFree(({ number }) => gone.push(number)))
  const [a, b, c] = [table(), table(), table()] as [TableMeta, TableMeta, TableMeta]
  runSync(versions.apply({ added: [{ level: 1, meta: a }] }))
  const first = versions.current.ref()
  runSync(versions.apply({ removed: [{ level: 1, number: a.number }], added: [{ level: 1, meta: b }] }))
  const second = versions.current.ref()
  runSync(versions.apply({ removed: [{ level: 1, number: b.number }], added: [{ level: 1, meta: c }] }))
  sweep()
  expect(gone).toEqual([])
  expect([...versions.liveTables()].sort()).toEqual([a.number, b.number, c.number])
  second.unref()
  sweep()
  expect(gone).toEqual([b.number])
  // The oldest version outlives a move of what came later.
  runSync(versions.apply({ removed: [{ level: 1, number: c.number }], added: [{ level: 2, meta: c }] }))
  sweep()
  expect(gone).toEqual([b.number])
  first.unref()
  sweep()
  expect(gone).toEqual([b.number, a.number])
  expect(
    storage
      .list()
      .filter(({ kind }) => kind === 'table')
      .map(({ number }) => number),
  ).toEqual([c.number])
  expect(() => first.unref()).toThrow(RangeError)
  await storage.close()
})

test('the manifest is started anew by size, and only the newest stays', async () => {
  const medium = memory()
  const storage = await newStorage(medium)
  const versions = await runAsync(VersionSet.create(storage, { manifestBytesMax: 500 }))
  const seen = new Set<number>()
  for (let i = 0; i < 100; i++) {
    const number = versions.newNumber()
    versions.lastSequence = number
    const [old] = versions.current.levels[1]!
    const removed = old === undefined ? [] : [{ level: 1, number: old.number }]
    runSync(versions.apply({ removed, added: [{ level: 1, meta: meta(number, 'a', 'b') }] }))
    const manifests = storage.list().filter(({ kind }) => kind === 'manifest')
    expect(manifests.length).toBe(1)
    seen.add(manifests[0]!.number)
  }
  expect(seen.size).toBeGreaterThan(5)
  const before = numbers(versions)
  await storage.close()
  const again = await sameStorage(medium)
  const recovered = await runAsync(VersionSet.recover(again))
  expect(numbers(recovered)).toEqual(before)
  await again.close()
})

test('edits at once share a sync and become visible in order', async () => {
  const storage = await newStorage()
  const versions = await runAsync(VersionSet.create(storage))
  const metas = Array.from({ length: 20 }, (_, i) => {
    versions.lastSequence++
    return meta(versions.newNumber(), String.fromCharCode(97 + i), String.fromCharCode(97 + i), versions.lastSequence)
  })
  await Promise.all(metas.map((one) => runAsync(versions.apply({ added: [{ level: 2, meta: one }] }))))
  expect(numbers(versions)[2]).toEqual(metas.map(({ number }) => number))
  await storage.close()
})

test('what is no database, and what lost its manifest, is told apart', async () => {
  const medium = memory()
  const storage = await newStorage(medium)
  expect(VersionSet.exists(storage)).toBe(false)
  expect(code(() => runSync(VersionSet.recover(storage)))).toBe('LEVEL_MISSING')
  runSync(storage.create('table', 5, { bytesExpected: 0 }))
  expect(code(() => runSync(VersionSet.recover(storage)))).toBe('LEVEL_CORRUPTION')
  const versions = await runAsync(VersionSet.create(storage))
  expect(versions.newNumber()).toBeGreaterThan(5)
  expect(code(() => runSync(VersionSet.create(storage)))).toBe('LEVEL_EXISTS')
  expect(runSync(versions.removeOrphans())).toMatchObject([{ kind: 'table', number: 5 }])
  await storage.close()
})

test('a reader follows the writer over a new manifest', async () => {
  const medium = memory()
  const storage = await newStorage(medium)
  const versions = await runAsync(VersionSet.create(storage, { manifestBytesMax: 300 }))
  const reading = await sameStorage(medium, true)
  const follower = await runAsync(VersionSet.recover(reading, { readOnly: true }))
  expect(code(() => runSync(follower.apply({})))).toBe('LEVEL_READ_ONLY')
  for (let i = 0; i < 20; i++) {
    versions.lastSequence++
    const one = meta(versions.newNumber(), `k${i}`, `k${i}`, versions.lastSequence)
    await runAsync(versions.apply({ added: [{ level: 2, meta: one }] }))
    await runAsync(reading.refresh())
    expect(await runAsync(follower.refresh())).toBe(true)
    expect(numbers(follower)).toEqual(numbers(versions))
    expect(await runAsync(follower.refresh())).toBe(false)
  }
  await reading.close()
  await storage.close()
})
