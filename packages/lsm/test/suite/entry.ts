/**
 * abstract-level's own test suite over one configuration of LsmLevel. Bundled and run in a process of its own:
 * node suite.mjs CONFIGURATION DIRECTORY WORKER
 */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Medium } from '@vivefs/media'
import suite from 'abstract-level/test/index.js'
import test from 'tape'
import { LsmLevel } from '../../src/index.ts'
import { configuration, directoryMedia, memoryMedia, type Options } from '../configurations.ts'

const [name = 'default', directory = '.', workerFile = ''] = process.argv.slice(2)
const chosen = configuration(name)

const ZONES = { zoneCount: 64, zoneBytes: 1 << 18 }

/** The suite looks at the options that a database was given: the configuration comes in behind them. */
class ConfiguredLevel extends LsmLevel<unknown, unknown> {
  readonly #media: { inMemory?: Record<string, Medium>; below?: Record<string, Medium> | undefined } = {}

  override async _open(given: Options): Promise<void> {
    const worker = chosen.threaded === true ? workerFile : false
    await super._open({ ...chosen.options, worker, ...this.#mediaOption(), ...given })
  }

  #mediaOption(): Pick<Options, 'media'> {
    const own = this.#media
    if (chosen.inMemory === true) {
      own.inMemory ??= memoryMedia(chosen, ZONES)
      return { media: own.inMemory }
    }
    own.below = directoryMedia(chosen, this.location)
    return own.below === undefined ? {} : { media: own.below }
  }

  override async _close(): Promise<void> {
    await super._close()
    for (const medium of Object.values(this.#media.below ?? {})) await medium.close()
  }
}

suite({
  test,
  factory: (given: Options = {}) => new ConfiguredLevel(mkdtempSync(join(directory, 'level-')), given),
})
