import type { Lifetime, Medium } from '@vivefs/media'
import { type AppendFile, isPfaofError, type MediumStatus, type Volume } from '@vivefs/pfaof'
import { LevelError } from '../error.ts'
import type { Op } from '../op.ts'
import { levelError } from './failure.ts'
import { NamedFile } from './named-file.ts'
import { type CreateOptions, type FileKind, fileName, parseFileName, type Storage, type StoredFile } from './storage.ts'

/** Files that die together lie together. */
const LIFETIMES: Readonly<Record<FileKind, Lifetime>> = {
  log: 'short',
  table: 'long',
  manifest: 'medium',
  index: 'long',
  blob: 'long',
}

/** The files of a database in a pfaof volume. */
export class VolumeStorage implements Storage {
  readonly volume: Volume
  readonly media: Readonly<Record<string, Medium>>
  /** Names of the media that take new files, in order of preference. */
  readonly #names: readonly string[]
  /** Releases what was opened for the database. */
  readonly #release: () => Promise<void>

  constructor(volume: Volume, media: Readonly<Record<string, Medium>>, release: () => Promise<void>) {
    this.volume = volume
    this.media = media
    this.#names = Object.keys(media)
    this.#release = release
  }

  get readOnly(): boolean {
    return this.volume.readOnly
  }

  *create(kind: FileKind, number: number, { bytesExpected, placement }: CreateOptions): Op<AppendFile> {
    const name = fileName(kind, number)
    const lifetime = placement?.lifetime ?? LIFETIMES[kind]
    const media = placement?.media ?? this.#names
    try {
      const file = yield* this.volume.create({ name, media, lifetime, preallocateBytes: bytesExpected })
      return new NamedFile(name, file)
    } catch (error) {
      throw levelError(error, `${name}: create`)
    }
  }

  *open(kind: FileKind, number: number): Op<AppendFile> {
    const name = fileName(kind, number)
    try {
      return new NamedFile(name, yield* this.volume.open(name))
    } catch (error) {
      if (isPfaofError(error, 'PFAOF_NOT_FOUND')) throw new LevelError('LEVEL_CORRUPTION', `${name} is missing`, error)
      throw levelError(error, `${name}: open`)
    }
  }

  *remove(kind: FileKind, number: number): Op<void> {
    const name = fileName(kind, number)
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
