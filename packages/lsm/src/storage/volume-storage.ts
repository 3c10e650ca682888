import type { Lifetime, Medium } from '@vivefs/media'
import { type AppendFile, type FileInfo, isPfaofError, type MediumStatus, type Volume } from '@vivefs/pfaof'
import { LevelError } from '../error.ts'
import type { Op } from '../op.ts'
import type { MediaPolicy, Placement } from '../policy/media-policy.ts'
import { Placer } from '../policy/placer.ts'
import { levelError } from './failure.ts'
import { FileAccount } from './file-account.ts'
import { FileHeat } from './heat.ts'
import { IndexedFile } from './indexed-file.ts'
import { NamedFile } from './named-file.ts'
import { type CreateOptions, type FileKind, fileName, parseFileName, type Storage, type StoredFile } from './storage.ts'
import { Traffic, type TrafficReason } from './traffic.ts'

/** Files that die together lie together. */
const LIFETIMES: Readonly<Record<FileKind, Lifetime>> = {
  log: 'short',
  table: 'long',
  manifest: 'medium',
  index: 'long',
  blob: 'long',
}
const REASONS: Readonly<Record<FileKind, TrafficReason>> = {
  log: 'log',
  table: 'copy',
  manifest: 'manifest',
  index: 'index',
  blob: 'blob-rewrite',
}
/** Kinds whose reads by users make heat. Numbers are unique among them. */
const HOLDS_DATA: ReadonlySet<FileKind> = new Set<FileKind>(['table', 'log', 'blob'])
const NOTHING = new Uint8Array(0)
const LAST_LEVEL = 6

export interface VolumeStorageOptions {
  /** Where files go; default the media in the order in which they were given. */
  readonly policy?: MediaPolicy | undefined
  /** Milliseconds since 1970; default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/** The files of a database in a pfaof volume. */
export class VolumeStorage implements Storage {
  readonly volume: Volume
  readonly media: Readonly<Record<string, Medium>>
  readonly placer: Placer
  readonly traffic: Traffic = new Traffic()
  moves = 0
  readonly #heat: Map<number, FileHeat> = new Map()
  readonly #now: () => number
  /** Releases what was opened for the database. */
  readonly #release: () => Promise<void>

  constructor(
    volume: Volume,
    media: Readonly<Record<string, Medium>>,
    release: () => Promise<void>,
    { policy, now = Date.now }: VolumeStorageOptions = {},
  ) {
    this.volume = volume
    this.media = media
    this.#now = now
    this.placer = new Placer({ policy, media, status: () => volume.status(), now })
    this.#release = release
  }

  get readOnly(): boolean {
    return this.volume.readOnly
  }

  *create(kind: FileKind, number: number, o: CreateOptions): Op<AppendFile> {
    const name = fileName(kind, number)
    const placement = o.placement ?? this.#placementOf(kind, o.bytesExpected)
    const { media } = placement
    const lifetime = placement.lifetime ?? LIFETIMES[kind]
    try {
      const file = yield* this.volume.create({ name, media, lifetime, preallocateBytes: o.bytesExpected })
      return new NamedFile(name, file, new FileAccount(this.traffic, o.reason ?? REASONS[kind]))
    } catch (error) {
      throw levelError(error, `${name}: create on ${media.join(', ')}`)
    }
  }

  /** Where a file goes of which nobody has said it. */
  #placementOf(kind: FileKind, bytesExpected: number): Placement {
    const keys = { lowerKey: NOTHING, upperKey: NOTHING }
    const unknown = { ...keys, bytesExpected, ageMsMin: 0, ageMsMax: 0, heat: 0, valuesPerByte: 0 }
    if (kind === 'log' || kind === 'manifest')
      return this.placer.place({ ...unknown, file: kind, level: -1, depth: -1, lastLevel: false, reason: 'create' })
    const file = kind === 'blob' ? 'blob' : 'table'
    const where = { level: LAST_LEVEL, depth: 1, lastLevel: true }
    return this.placer.place({ ...unknown, file, ...where, reason: 'compaction' })
  }

  *open(kind: FileKind, number: number, reason: TrafficReason = 'user'): Op<AppendFile> {
    const file = yield* this.#open(kind, number, reason)
    if (kind !== 'table' || !this.#has('index', number)) return file
    return yield* IndexedFile.open(number, file, yield* this.#open('index', number, reason))
  }

  *#open(kind: FileKind, number: number, reason: TrafficReason): Op<NamedFile> {
    const name = fileName(kind, number)
    const heat = HOLDS_DATA.has(kind) && reason === 'user' ? this.heatOf(number) : undefined
    try {
      return new NamedFile(name, yield* this.volume.open(name), new FileAccount(this.traffic, reason, heat))
    } catch (error) {
      if (isPfaofError(error, 'PFAOF_NOT_FOUND')) throw new LevelError('LEVEL_CORRUPTION', `${name} is missing`, error)
      throw levelError(error, `${name}: open`)
    }
  }

  /** A table goes with the copy of its index. */
  *remove(kind: FileKind, number: number): Op<void> {
    yield* this.#remove(fileName(kind, number))
    if (HOLDS_DATA.has(kind)) this.#heat.delete(number)
    if (kind !== 'table') return
    if (this.#has('index', number)) yield* this.#remove(fileName('index', number))
  }

  *#remove(name: string): Op<void> {
    try {
      yield* this.volume.delete(name)
    } catch (error) {
      if (!isPfaofError(error, 'PFAOF_NOT_FOUND')) throw levelError(error, `${name}: remove`)
    }
  }

  list(): StoredFile[] {
    const files: StoredFile[] = []
    for (const { name, size } of this.volume.list()) {
      const parsed = name === undefined ? undefined : parseFileName(name)
      if (parsed !== undefined) files.push({ ...parsed, bytes: size })
    }
    return files
  }

  /** Undefined: there is no such file. */
  stat(kind: FileKind, number: number): FileInfo | undefined {
    try {
      return this.volume.stat(fileName(kind, number))
    } catch (error) {
      if (isPfaofError(error, 'PFAOF_NOT_FOUND')) return undefined
      throw levelError(error, fileName(kind, number))
    }
  }

  #has(kind: FileKind, number: number): boolean {
    return this.stat(kind, number) !== undefined
  }

  mediumOf(kind: FileKind, number: number): string | undefined {
    return this.stat(kind, number)?.extents.at(-1)?.medium
  }

  /** Where a byte of a file lies: its medium, and about how far from the start of that. */
  placeAt(kind: FileKind, number: number, offset: number): { medium: string | undefined; position: number } {
    const extents = this.stat(kind, number)?.extents ?? []
    const extent = extents.findLast(({ fileOffset }) => fileOffset <= offset) ?? extents[0]
    if (extent === undefined) return { medium: undefined, position: 0 }
    const { medium, zone, start, fileOffset } = extent
    return { medium, position: zone * this.media[medium]!.caps.zoneBytes + start + offset - fileOffset }
  }

  isSunk(kind: FileKind, number: number): boolean {
    const medium = this.mediumOf(kind, number)
    return medium !== undefined && this.media[medium]!.caps.reclaim === 'whole-medium'
  }

  /** Some of the file lies on the medium. */
  liesOn(kind: FileKind, number: number, medium: string): boolean {
    return this.stat(kind, number)?.extents.some((extent) => extent.medium === medium) === true
  }

  /** All of the file lies where it can be read on the spot. */
  answersNow(kind: FileKind, number: number): boolean {
    const extents = this.stat(kind, number)?.extents ?? []
    return extents.every(({ medium }) => this.media[medium]!.readSync !== undefined)
  }

  forgets(kind: FileKind, number: number): boolean {
    return this.stat(kind, number)?.extents.some(({ medium }) => this.placer.forgets(medium)) === true
  }

  heatOf(file: number): FileHeat {
    let heat = this.#heat.get(file)
    if (heat === undefined) {
      heat = new FileHeat(this.#now())
      this.#heat.set(file, heat)
    }
    return heat
  }

  /**
   * Moves a sealed file to another medium; readers go on. False: it was removed, or moved by somebody else, meanwhile. LEVEL_NO_SPACE,
   * LEVEL_IO_ERROR; a crash leaves it on one of the two.
   */
  async move(kind: FileKind, number: number, to: string, signal: AbortSignal): Promise<boolean> {
    const before = this.stat(kind, number)
    try {
      await this.volume.move(fileName(kind, number), to, { signal })
    } catch (error) {
      if (isPfaofError(error, 'PFAOF_NOT_FOUND') || isPfaofError(error, 'PFAOF_BUSY')) return false
      throw levelError(error, `${fileName(kind, number)}: move to ${to}`)
    }
    this.moves++
    for (const { medium, bytes } of before?.extents ?? []) {
      if (medium === to) continue
      this.traffic.row(medium, 'move').read += bytes
      this.traffic.row(to, 'move').written += bytes
    }
    return true
  }

  /** Gives the space of a medium back, where it returns only as a whole. LEVEL_BUSY: something on it is in use. */
  async erase(medium: string): Promise<void> {
    try {
      await this.volume.erase(medium)
    } catch (error) {
      if (isPfaofError(error, 'PFAOF_BUSY'))
        throw new LevelError('LEVEL_BUSY', `erasing ${medium}: ${error.message}`, error)
      throw levelError(error, `erasing ${medium}`)
    }
  }

  /** Makes what was removed so far stay so. */
  *sync(): Op<void> {
    try {
      yield* this.volume.sync()
    } catch (error) {
      throw levelError(error, 'sync')
    }
  }

  status(): ReadonlyMap<string, MediumStatus> {
    return this.volume.status()
  }

  /** Takes in what the writer has done since. Only in a database opened read only. */
  *refresh(): Op<void> {
    try {
      yield* this.volume.refresh()
    } catch (error) {
      throw levelError(error, 'refresh')
    }
  }

  /** Closes the volume and what was opened for it. The lock is released whatever happens. */
  async close(): Promise<void> {
    try {
      await this.volume.close()
    } catch (error) {
      throw levelError(error, 'close')
    } finally {
      await this.#release()
    }
  }
}
