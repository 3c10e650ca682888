/**
 * A volume whose content ages: from flash to a shingled disk after a week, and to tape after a month, unless somebody reads it. Names, rights and
 * the index of content stay on flash, so looking around never waits for a tape.
 */
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { archive } from '@vivefs/lsm'
import { METADATA_BELOW, ViveFS } from 'vivefs'
import { closeMedia, openMedia } from './media.mjs'

const DAY_MS = 86_400_000
const policy = archive({
  hot: ['ssd'],
  cold: ['smr'],
  tape: ['tape'],
  metadataBelow: METADATA_BELOW,
  coldHours: 7 * 24,
  tapeHours: 30 * 24,
})

/** A clock that goes on by hand, so that a month is over in a second; where it stands lies in a file. */
class Clock {
  #file

  constructor(file) {
    this.#file = file
    this.nowMs = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).nowMs : Date.now()
  }

  advance(ms) {
    this.nowMs += ms
    writeFileSync(this.#file, JSON.stringify({ nowMs: this.nowMs }))
  }
}

export class Archive {
  #vive
  #media
  #clock

  constructor(vive, media, clock) {
    this.#vive = vive
    this.#media = media
    this.#clock = clock
  }

  /** Opens the archive in `folder`, or makes it. */
  static async open(folder) {
    const { media, home } = await openMedia(folder)
    const clock = new Clock(join(folder, 'clock.json'))
    try {
      const vive = await ViveFS.open({ media, home, policy, now: () => clock.nowMs })
      return new Archive(vive, media, clock)
    } catch (error) {
      await closeMedia(media)
      throw error
    }
  }

  get fs() {
    return this.#vive.fs.promises
  }

  /** What time it is here, in milliseconds since 1970. */
  get nowMs() {
    return this.#clock.nowMs
  }

  /** Days go by, and what has become old enough moves. Without a clock of one's own this happens by itself: leave `now` out. */
  async letDaysPass(days) {
    await this.#vive.relocate({ force: true })
    this.#clock.advance(days * DAY_MS)
    return await this.#vive.relocate({ force: true })
  }

  /** Every file below `directory`. */
  async files(directory = '/') {
    const entries = await this.fs.readdir(directory, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => posix.join(parentPath, name))
      .sort()
  }

  /** Where files lie: `{ path, bytes, medium, position }`, read from the index, not from the media. */
  async where(paths) {
    const found = []
    for (const path of paths) {
      const { size } = await this.fs.stat(path)
      const [place] = await this.#vive.locate(path, 1)
      found.push({ path, bytes: size, medium: place?.medium ?? 'memory', position: place?.position ?? 0 })
    }
    return found
  }

  /** Files by the order in which reading them winds a tape once. */
  readOrder(paths) {
    return this.#vive.readOrder(paths)
  }

  /** Copies files out, in the order given; `onFile` hears of each. */
  async restore(paths, target, onFile = () => {}) {
    for (const path of paths) {
      const to = join(target, path)
      mkdirSync(dirname(to), { recursive: true })
      await pipeline(this.#vive.fs.createReadStream(path), createWriteStream(to))
      onFile(path)
    }
  }

  /** How far each medium has moved its heads: `{ name: { seeks, minutes } }`, of a simulated device by its model of time. */
  effort() {
    const of = ({ seeks, modelMs }) => ({ seeks, minutes: (modelMs ?? 0) / 60_000 })
    return Object.fromEntries(Object.entries(this.#media).map(([name, medium]) => [name, of(medium.stats())]))
  }

  fsck() {
    return this.#vive.fsck()
  }

  mediaMap() {
    return this.#vive.mediaMap()
  }

  async close() {
    await this.#vive.close()
    await closeMedia(this.#media)
  }
}
