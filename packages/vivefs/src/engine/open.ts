/**
 * Where a volume lives, by one argument: `memory://`, a directory, `lsm:DIR`, `level:DIR`, media with a policy, or an abstract-level
 * database.
 */

import { fileURLToPath } from 'node:url'
import { ViveError } from '../errors.ts'
import type { AnyLevel } from '../store/database.ts'
import { openDirectoryEngine } from './directory.ts'
import { assertNotFollowed, type Engine, type EngineOptions } from './engine.ts'
import { openMemoryEngine } from './memory.ts'
import { isTiers, openTiersEngine, type Tiers } from './tiers.ts'

export type Where = string | URL | Tiers | AnyLevel

/** Databases that a volume of this process stands on, over all copies of this module. */
const registry = Symbol.for('vivefs.databases')
const shared = globalThis as { [registry]?: WeakSet<object> }
shared[registry] ??= new WeakSet()
const inUse = shared[registry]

/**
 * Errors: ERR_VIVEFS_OPTION (not a place), ERR_VIVEFS_LOCKED, and those of the engines.
 */
export async function openEngine(where: Where, options: EngineOptions): Promise<Engine> {
  if (isTiers(where)) return await openTiersEngine(where, options)
  if (typeof where === 'object' && where !== null && !(where instanceof URL)) {
    assertNotFollowed('a database of your own', options)
    return adopt(where)
  }
  const text = where instanceof URL ? fileLocation(where) : where
  if (typeof text !== 'string' || text === '') {
    throw new ViveError(
      'ERR_VIVEFS_OPTION',
      "where: 'memory://', a directory, 'lsm:DIR', 'level:DIR' or an AbstractLevel",
    )
  }
  if (text === 'memory://') {
    assertNotFollowed('memory', options)
    return await openMemoryEngine()
  }
  for (const engine of ['level', 'lsm'] as const) {
    if (text.startsWith(`${engine}:`)) return await openDirectoryEngine(text.slice(engine.length + 1), engine, options)
  }
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//.exec(text)
  if (scheme !== null) throw new ViveError('ERR_VIVEFS_OPTION', `no engine for ${scheme[1]}:// locations`)
  return await openDirectoryEngine(text, undefined, options)
}

function fileLocation(url: URL): string {
  if (url.protocol === 'file:') return fileURLToPath(url)
  return url.href
}

function adopt(database: Exclude<Where, string | URL | Tiers>): Engine {
  if (typeof database.batch !== 'function' || typeof database.supports !== 'object') {
    throw new ViveError(
      'ERR_VIVEFS_OPTION',
      "where: 'memory://', a directory, 'lsm:DIR', 'level:DIR' or an AbstractLevel",
    )
  }
  if (inUse.has(database)) {
    throw new ViveError('ERR_VIVEFS_LOCKED', 'a volume of this process is open on that database', {
      holder: { pid: process.pid },
    })
  }
  inUse.add(database)
  return {
    name: 'custom',
    database,
    ownsDatabase: false,
    volumeId: undefined,
    release: async () => {
      inUse.delete(database)
    },
  }
}
