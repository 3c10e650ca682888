import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { mediumSuite } from '../src/conformance/index.ts'
import {
  type FaultRule,
  type Medium,
  openDirectory,
  openFault,
  openMedium,
  openMemory,
  openObject,
  openPool,
  openSmr,
  openTape,
  openZns,
} from '../src/index.ts'

const root = mkdtempSync(join(tmpdir(), 'vivefs-media-'))
let count = 0
const fresh = () => join(root, `medium-${++count}`)
afterAll(() => rmSync(root, { recursive: true, force: true }))

const zones = { zoneCount: 20, zoneBytes: 65536 }
const few = { zoneCount: 8, zoneBytes: 32768 }
const reopen = (closed: Medium) => openMedium(closed.spec)

/** name, create, reopen */
const media: [string, () => Medium, typeof reopen | undefined][] = [
  ['memory', () => openMemory(zones), undefined],
  ['memory, blocks of 4096', () => openMemory({ ...zones, blockBytes: 4096 }), undefined],
  ['memory without pointers', () => openMemory({ ...zones, durability: 'flush', pointerSurvives: false }), undefined],
  ['memory, named and durable', () => openMemory({ ...zones, durability: 'flush', name: `kept-${++count}` }), reopen],
  ['pool', () => openPool({ ...few, path: fresh() }), reopen],
  ['directory', () => openDirectory({ ...few, path: fresh(), preallocateBytes: 16384 }), reopen],
  ['directory, not preallocated', () => openDirectory({ ...few, path: fresh(), preallocate: false }), reopen],
  ['directory, direct', () => openDirectory({ ...few, path: fresh(), direct: true, handlesMax: 2 }), reopen],
  ['directory, no spares', () => openDirectory({ ...few, path: fresh(), sparesMax: 0, handlesMax: 1 }), reopen],
  ['zns in memory', () => openZns({ ...zones, openZonesMax: 3, activeZonesMax: 5 }), undefined],
  ['zns in a file', () => openZns({ ...zones, path: fresh(), openZonesMax: 3, activeZonesMax: 5 }), reopen],
  [
    'zns that closes zones',
    () => openZns({ ...zones, openZonesMax: 4, activeZonesMax: 4, atOpenLimit: 'close-oldest' }),
    undefined,
  ],
  ['smr in memory', () => openSmr({ ...zones, openZonesMax: 4 }), undefined],
  ['smr in a file', () => openSmr({ ...zones, path: fresh(), openZonesMax: 4 }), reopen],
  ['tape in memory', () => openTape({ ...zones, blockBytesMax: 16384 }), undefined],
  ['tape in a file', () => openTape({ ...zones, path: fresh(), blockBytesMax: 16384 }), reopen],
  ['object in memory', () => openObject(zones), undefined],
  ['object in a directory', () => openObject({ ...zones, path: fresh() }), reopen],
]

const deep = process.env.VIVEFS_DEEP === '1'
const seeds = Array.from({ length: deep ? 200 : 6 }, (_, index) => index + 1)

for (const [name, create, again] of media) {
  mediumSuite({ name, create, describe, it, seeds, ...(again ? { reopen: again } : {}) })
  mediumSuite({
    name: `fault over ${name}`,
    create: () => openFault(create()),
    describe,
    it,
    seeds: seeds.slice(0, deep ? 50 : 3),
    ...(again ? { reopen: again } : {}),
  })
}

// Faults that a correct medium must not notice: latency on some operations, errors that never come.
const harmless: FaultRule[] = [
  { on: 'append', probability: 0.2, effect: { kind: 'latency', ms: 1 } },
  { on: 'flush', nth: 1_000_000, effect: { kind: 'error' } },
]
for (const [name, create] of media.filter(([kind]) =>
  /^(memory|zns in memory|tape in memory|object in memory)$/.test(kind),
)) {
  mediumSuite({
    name: `slow fault over ${name}`,
    create: () => openFault(create(), { rules: harmless, seed: 11 }),
    describe,
    it,
    seeds: [1],
  })
}
