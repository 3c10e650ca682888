import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { DirectoryMedium } from '@vivefs/media'
import { checkAborted, untilAborted } from '../abort.ts'
import { LevelError } from '../error.ts'
import { type Op, runAsync } from '../op.ts'
import { levelError } from '../storage/failure.ts'
import { openStorage } from '../storage/open-storage.ts'
import type { StoredFile } from '../storage/storage.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'
import { VersionSet } from '../version/version-set.ts'
import type { LsmDb } from './db.ts'

export interface CheckpointReport {
  /** Files that both databases have. */
  readonly linkedFiles: number
  readonly copiedFiles: number
}

const COPY_BYTES = 1 << 20
const CACHE_BYTES = 1 << 20

/**
 * A database in `directory` that holds what this one does. What was acknowledged before is durable in this one. LEVEL_ARGUMENT: it is not
 * empty. LEVEL_ABORTED: it is as before.
 */
export async function checkpoint(db: LsmDb, directory: string, signal?: AbortSignal): Promise<CheckpointReport> {
  checkAborted(signal)
  const media = Object.values(db.tree.storage.media)
  const [medium] = media
  if (media.length > 1 || !(medium instanceof DirectoryMedium)) return await copyInto(db, directory, signal)
  try {
    return medium.cloneTo(directory)
  } catch (error) {
    throw levelError(error, `checkpoint to ${directory}`)
  }
}

/** Half a copy is of no use to anybody: it goes. */
async function copyInto(db: LsmDb, directory: string, signal: AbortSignal | undefined): Promise<CheckpointReport> {
  const there = existsSync(directory)
  if (there && readdirSync(directory).length > 0)
    throw new LevelError('LEVEL_ARGUMENT', `checkpoint to ${directory}: it is not empty`)
  try {
    return await copyTables(db, directory, signal)
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    if (there) mkdirSync(directory)
    throw error
  }
}

async function copyTables(db: LsmDb, directory: string, signal: AbortSignal | undefined): Promise<CheckpointReport> {
  await untilAborted(db.flush(), signal)
  const { versions, storage } = db.tree
  const version = versions.current.ref()
  const { state } = versions
  const { blobs } = state
  const { capacityBytes } = db.settings
  try {
    const fixed = { createIfMissing: true, errorIfExists: true, readOnly: false, cacheBytes: CACHE_BYTES }
    const target = await openStorage({ location: directory, capacityBytes, ...fixed })
    try {
      let copiedFiles = 0
      for (const { meta } of version.tables()) {
        await runAsync(copyFile(storage, target, { kind: 'table', ...meta }, signal))
        copiedFiles++
      }
      for (const file of blobs.values()) {
        await runAsync(copyFile(storage, target, file, signal))
        copiedFiles++
      }
      const made = await runAsync(VersionSet.createFrom(target, { ...state, logs: new Map(), volatile: new Map() }))
      await runAsync(made.close())
      return { linkedFiles: 0, copiedFiles }
    } finally {
      await target.close()
    }
  } finally {
    version.unref()
  }
}

function* copyFile(
  from: VolumeStorage,
  to: VolumeStorage,
  { kind, number, bytes: size }: Pick<StoredFile, 'kind' | 'number' | 'bytes'>,
  signal: AbortSignal | undefined,
): Op<void> {
  const source = yield* from.open(kind, number)
  const target = yield* to.create(kind, number, { bytesExpected: size })
  for (let at = 0; at < size; at += COPY_BYTES) {
    checkAborted(signal)
    const bytes = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, size - at))
    yield* source.read(at, bytes)
    yield* target.append([bytes])
  }
  yield* target.seal()
}
