/**
 * Learning what is on a cartridge: the last index, and the files behind it read through once.
 *
 *   T2  A file counts when its head names this cartridge, this life and its own number.
 *   T3  A piece has a trailer once its end was planned; without one it ends where its blocks end.
 */
import { crc32 } from '../checksum.ts'
import { isMediumError, MediumError } from '../error.ts'
import type { Bytes } from '../medium.ts'
import type { TapeCatalog } from './tape-catalog.ts'
import type { TapePosition } from './tape-position.ts'
import { decodeHead, decodeIndex, decodeTrailer, type TapeHead } from './tape-record.ts'

/** More than any file of ours has. */
const BLOCKS_MAX = 1 << 24

/** What drives answer where there is nothing to read or to go to; also to a failure. */
const isTapeError = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException).code === 'EIO' || isMediumError(error, 'MEDIA_IO')

export class TapeLoader {
  readonly #position: TapePosition
  readonly #catalog: TapeCatalog
  readonly #id: string
  readonly #life: number

  constructor(position: TapePosition, catalog: TapeCatalog, o: { id: string; life: number }) {
    this.#position = position
    this.#catalog = catalog
    this.#id = o.id
    this.#life = o.life
  }

  /** T2; a file that cannot be read is none of ours. */
  async #head(file: number): Promise<TapeHead | undefined> {
    try {
      await this.#position.toFile(file)
      const head = decodeHead(await this.#position.read())
      return head?.id === this.#id && head.life === this.#life && head.file === file ? head : undefined
    } catch (error) {
      if (isTapeError(error)) return undefined
      throw error
    }
  }

  /**
   * Number of whole tape files. Writing goes on behind them, so every doubt is an error:
   *
   * - a drive that cannot move must not pass for an empty cartridge: behind file 0 there is a place on any of ours;
   * - a head that cannot be read must not hide what lies behind it: what the drive counts, where it does, must agree;
   * - the last file may lack its filemark (power was lost while it was written). It was not promised and is dropped,
   *   but only when reading it through shows that it has no end.
   */
  async #count(): Promise<number> {
    await this.#position.toFile(1)
    const said = await this.#position.count().catch(() => undefined)
    const found = await this.#search(said)
    const files = (await this.#reaches(found)) ? found : found - 1
    if (files < found && !(await this.#isCutOff(files))) {
      throw new MediumError('MEDIA_IO', `the drive cannot go to the end of the data, tape file ${found}`)
    }
    if (said !== undefined && said !== files) {
      throw new MediumError(
        'MEDIA_IO',
        `the drive counts ${said} tape files, ${files} can be read: not all is readable`,
      )
    }
    return files
  }

  /** The first file without a head of ours: where the drive says that the data ends, or searched for. */
  async #search(said: number | undefined): Promise<number> {
    if (said === 1 || (said !== undefined && said > 1 && (await this.#head(said - 1)) !== undefined)) {
      if ((await this.#head(said)) === undefined) return said
    }
    let none = 1
    while ((await this.#head(none)) !== undefined) none *= 2
    let some = none / 2
    while (none - some > 1) {
      const middle = Math.floor((some + none) / 2)
      if ((await this.#head(middle)) === undefined) none = middle
      else some = middle
    }
    // Where nobody else counts, a slip of the drive would cost what lies behind: it is asked twice.
    if ((await this.#head(none)) !== undefined) {
      throw new MediumError('MEDIA_IO', `tape file ${none} was read at the second try only`)
    }
    return none
  }

  async #reaches(file: number): Promise<boolean> {
    try {
      await this.#position.toFile(file)
      return true
    } catch (error) {
      if (isTapeError(error)) return false
      throw error
    }
  }

  /** Whether a file ends without a filemark. */
  async #isCutOff(file: number): Promise<boolean> {
    await this.#position.toFile(file)
    try {
      for (let block = 0; block < BLOCKS_MAX; block++) if ((await this.#position.read()).length === 0) return false
      return false
    } catch (error) {
      if (isTapeError(error)) return true
      throw error
    }
  }

  /** Learns what is on the cartridge: the last index, and the files behind it read through once. */
  async load(): Promise<void> {
    const catalog = this.#catalog
    catalog.clear()
    catalog.files = await this.#count()
    let from = 1
    if (catalog.files > 1) {
      const last = await this.#head(catalog.files - 1)
      const index = last?.kind === 'index' ? last.file : (last?.lastIndex ?? 0)
      if (index > 0 && (await this.#loadIndex(index))) from = index + 1
    }
    for (let file = from; file < catalog.files; file++) await this.#loadFile(file)
    if (from > 1 && from === catalog.files) catalog.unindexed = 0
  }

  /** False for a damaged one: then every file is read. */
  async #loadIndex(file: number): Promise<boolean> {
    const head = await this.#head(file)
    if (head?.kind !== 'index') return false
    const parts: Bytes[] = []
    for (;;) {
      const block = await this.#position.read().catch(() => new Uint8Array(0))
      if (block.length === 0) break
      parts.push(block.slice())
    }
    const bytes = Uint8Array.from(Buffer.concat(parts)).subarray(0, head.offset)
    const index = bytes.length === head.offset && crc32(bytes) === head.crc ? decodeIndex(bytes) : undefined
    if (index === undefined || index.life !== this.#life) return false
    this.#catalog.load(index.zones)
    this.#catalog.lastIndex = file
    this.#catalog.generation = head.number
    return true
  }

  async #loadFile(file: number): Promise<void> {
    await this.#position.toFile(file)
    const address = this.#position.locates ? await this.#position.address() : -1
    const head = await this.#head(file)
    if (head === undefined) throw new MediumError('MEDIA_IO', `the head of tape file ${file} cannot be read`)
    if (head.kind === 'index') {
      this.#catalog.lastIndex = file
      this.#catalog.generation = head.number
      return
    }
    let bytes = 0
    let full = false
    for (;;) {
      const block = await this.#position.read()
      if (block.length === 0) break
      const trailer = decodeTrailer(block)
      const ends = trailer?.id === this.#id && trailer.life === this.#life && trailer.file === file
      if (ends && trailer.bytes === bytes) full = trailer.full
      else bytes += block.length
    }
    this.#catalog.add(head.number, { file, offset: head.offset, bytes, address }, full)
  }
}
