/** A volume for tests of what lies below the node:fs face: the store, the core and the inner face on one database. */

import { MemoryLevel } from 'memory-level'
import type { Core } from '../src/core/core.ts'
import type { Credentials } from '../src/core/mode.ts'
import { createFsal } from '../src/fsal/fsal.ts'
import type { Fsal } from '../src/fsal/types.ts'
import { runFsck } from '../src/fsck/fsck.ts'
import type { FsckOptions, FsckReport } from '../src/fsck/report.ts'
import type { Runtime } from '../src/runtime.ts'
import type { AnyLevel, Database } from '../src/store/database.ts'
import { type LevelStore, type LevelStoreOptions, openLevelStore } from '../src/store/index.ts'
import { mountVolume } from '../src/volume.ts'

export const root: Credentials = { uid: 0, gid: 0, groups: [], umask: 0 }

export interface BareOptions extends LevelStoreOptions {
  readonly extentBytes?: number
  readonly readOnly?: boolean
  readonly salvage?: boolean
  readonly seed?: number
}

/** A clock that ticks one microsecond with every look, and bytes that only depend on the seed. */
export function steadyRuntime(seed = 1): Runtime {
  let ticks = 0
  let state = seed >>> 0
  return {
    now() {
      ticks++
      return { sec: 1_700_000_000 + Math.floor(ticks / 1_000_000), nsec: (ticks % 1_000_000) * 1000 }
    },
    random(bytes) {
      const out = Buffer.alloc(bytes)
      for (let i = 0; i < bytes; i++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        out[i] = state >>> 24
      }
      return out
    },
  }
}

export interface BareVolume {
  readonly core: Core
  readonly fsal: Fsal
  fsck(options?: FsckOptions): Promise<FsckReport>
  close(): Promise<void>
}

export const memoryDatabase = (): MemoryLevel<Buffer, Buffer> =>
  new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer', storeEncoding: 'buffer' })

/** Opens, or makes, a volume on a database. Closing it leaves a database of the caller open. */
export async function openBare(database: AnyLevel = memoryDatabase(), options: BareOptions = {}): Promise<BareVolume> {
  return mount(await openLevelStore(database, options), options)
}

/** The same on anything with the narrow interface that the store needs. */
export async function openBareOn(database: Database, options: BareOptions = {}): Promise<BareVolume> {
  return mount(await openLevelStore(database as never, options), options)
}

async function mount(store: LevelStore, options: BareOptions): Promise<BareVolume> {
  const runtime = steadyRuntime(options.seed)
  const engine = {
    name: 'custom',
    database: undefined as never,
    ownsDatabase: false,
    volumeId: undefined,
    release: async () => {},
  }
  const core = await mountVolume(store, engine, {
    runtime,
    atime: 'relatime',
    readOnly: options.readOnly ?? false,
    extentCacheBytes: 8 << 20,
    mustBeNew: false,
    salvage: options.salvage ?? false,
    create: {
      volumeId: runtime.random(16).toString('hex'),
      extentBytes: options.extentBytes ?? 65_536,
      label: '',
      owner: { uid: 0, gid: 0 },
    },
  })
  return {
    core,
    fsal: createFsal(core),
    fsck: (fsckOptions) => runFsck(core, fsckOptions),
    close: () => core.close(),
  }
}
