import { mkdirSync } from 'node:fs'
import { ClassicLevel } from 'classic-level'
import { MemoryLevel } from 'memory-level'
import { LsmLevel } from '../../src/index.ts'
import { type BytesLevel, LevelStore } from './level-store.ts'
import { type LmdbModule, LmdbStore } from './lmdb-store.ts'
import { type SqliteModule, SqliteStore } from './sqlite-store.ts'
import type { Peer } from './store.ts'

const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
type LevelClass = new (path: string, options: object) => BytesLevel

async function opened(Level: LevelClass, path: string): Promise<BytesLevel> {
  const db = new Level(path, encodings)
  await db.open()
  return db
}

/** All peers, ours first; each stores keys and values as bytes. */
export const PEERS: readonly Peer[] = [
  { name: 'lsm', open: async (path) => new LevelStore(await opened(LsmLevel as unknown as LevelClass, path)) },
  {
    name: 'classic-level',
    open: async (path) => new LevelStore(await opened(ClassicLevel as unknown as LevelClass, path)),
  },
  {
    name: 'lmdb',
    installs: ['lmdb', '3.5.6'],
    open: async (path, load) => new LmdbStore(load('lmdb') as LmdbModule, path),
  },
  {
    name: 'memory-level',
    open: async () => {
      const db = new MemoryLevel({ ...encodings, storeEncoding: 'buffer' })
      await db.open()
      return new LevelStore(db as unknown as BytesLevel, false)
    },
  },
  {
    name: 'better-sqlite3',
    installs: ['better-sqlite3', '12.11.1'],
    open: async (path, load) => {
      mkdirSync(path, { recursive: true })
      return new SqliteStore(load('better-sqlite3') as SqliteModule, path)
    },
  },
]
