/**
 * abstract-level's own test suite over one configuration of LsmLevel. Bundled and run in a process of its own:
 * node suite.mjs CONFIGURATION DIRECTORY
 */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { openMemory } from '@vivefs/media'
import suite from 'abstract-level/test/index.js'
import test from 'tape'
import { LsmLevel, type LsmLevelOptions } from '../../src/index.ts'

type Options = LsmLevelOptions<unknown, unknown>

const [configuration = 'default', directory = '.', worker = ''] = process.argv.slice(2)
const threaded = worker === '' ? {} : { worker }

const configurations: Record<string, Options> = {
  default: threaded,
  tiny: {
    ...threaded,
    memtableBytes: 4096,
    memoryBytes: 1 << 20,
    tableBytes: 4096,
    baseBytes: 16_384,
    level0Trigger: 1,
    blockBytes: 64,
  },
  uncached: { ...threaded, cacheBytes: 0, memtableBytes: 65_536 },
  inline: { worker: false },
  relaxed: { ...threaded, durability: 'relaxed' },
  strict: { ...threaded, durability: 'strict' },
  memory: { worker: false },
}
const options = configurations[configuration]
if (options === undefined) throw new Error(`no configuration ${configuration}`)

const media = () => ({ main: openMemory({ zoneCount: 64, zoneBytes: 1 << 18 }) })

/** The suite looks at the options that a database was given: the configuration comes in behind them. */
class ConfiguredLevel extends LsmLevel<unknown, unknown> {
  readonly #options: Options = { ...options, ...(configuration === 'memory' ? { media: media() } : {}) }

  override async _open(given: Options): Promise<void> {
    await super._open({ ...this.#options, ...given })
  }
}

suite({
  test,
  factory: (given: Options = {}) => new ConfiguredLevel(mkdtempSync(join(directory, 'level-')), given),
})
