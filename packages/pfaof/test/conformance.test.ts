import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Medium,
  openDirectory,
  openFault,
  openMemory,
  openObject,
  openPool,
  openSmr,
  openTape,
  openZns,
} from '@vivefs/media'
import { describe, it } from 'vitest'
import { appendFileSuite, type SuiteMedia } from '../src/conformance/index.ts'

const zone = 256 << 10
const home = () => openMemory({ zoneCount: 64, zoneBytes: zone, durability: 'flush' })

/** Media by kind; those that cannot be home come with one that can. */
const KINDS: Record<string, () => Promise<SuiteMedia> | SuiteMedia> = {
  memory: () => ({ media: { m: home() } }),
  'memory in blocks without pointers': () => ({
    media: {
      m: openMemory({ zoneCount: 64, zoneBytes: zone, blockBytes: 512, durability: 'flush', pointerSurvives: false }),
    },
  }),
  'two memories': () => ({
    media: { m: home(), n: openMemory({ zoneCount: 32, zoneBytes: zone, durability: 'flush' }) },
  }),
  directory: async () => {
    const path = await mkdtemp(join(tmpdir(), 'pfaof-'))
    const medium = await openDirectory({ path: join(path, 'd'), zoneCount: 64, zoneBytes: zone, reserveBytes: 0 })
    return { media: { d: medium }, dispose: () => rm(path, { recursive: true }) }
  },
  pool: async () => {
    const path = await mkdtemp(join(tmpdir(), 'pfaof-'))
    const medium = await openPool({ path: join(path, 'p'), zoneCount: 64, zoneBytes: zone })
    return { media: { p: medium }, dispose: () => rm(path, { recursive: true }) }
  },
  zns: () => ({
    media: {
      z: openZns({ zoneCount: 64, zoneBytes: zone, zoneCapacityBytes: 192 << 10, openZonesMax: 8, activeZonesMax: 10 }),
    },
  }),
  smr: () => ({ media: { s: openSmr({ zoneCount: 64, zoneBytes: zone, conventionalZones: 4 }) } }),
  object: () => ({ media: { o: openObject({ zoneBytes: 1 << 20 }) }, operations: 60 }),
  'tape beside memory': () => ({
    media: { m: home(), t: openTape({ zoneBytes: 1 << 20, zoneCount: 256 }) },
    operations: 60,
  }),
  'object beside memory': () => ({ media: { m: home(), o: openObject({ zoneBytes: 1 << 20 }) }, operations: 60 }),
}

for (const [name, create] of Object.entries(KINDS)) {
  appendFileSuite({ name, create, describe, it })
  appendFileSuite({
    name: `${name}, behind fault`,
    create: async () => {
      const ground = await create()
      const media: Record<string, Medium> = {}
      for (const [key, medium] of Object.entries(ground.media)) media[key] = openFault(medium, {})
      return { ...ground, media }
    },
    describe,
    it,
    seeds: [4],
  })
}
