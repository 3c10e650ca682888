import { DirectoryMedium } from '@vivefs/media'
import { type Op, runAsync } from '../op.ts'
import { levelError } from '../storage/failure.ts'
import { openStorage } from '../storage/open-storage.ts'
import type { FileKind } from '../storage/storage.ts'
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

/** A database in `directory` that holds what this one does. What was acknowledged before is durable in this one. */
export async function checkpoint(db: LsmDb, directory: string): Promise<CheckpointReport> {
  const media = Object.values(db.tree.storage.media)
  const [medium] = media
  if (media.length > 1 || !(medium instanceof DirectoryMedium)) return await copyTables(db, directory)
  try {
    return medium.cloneTo(directory)
  } catch (error) {
    throw levelError(error, `checkpoint to ${directory}`)
  }
}

async function copyTables(db: LsmDb, directory: string): Promise<CheckpointReport> {
  await db.flush()
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
        await runAsync(copyFile(storage, target, 'table', meta))
        copiedFiles++
      }
      for (const file of blobs.values()) {
        await runAsync(copyFile(storage, target, file.kind, file))
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

interface Sized {
  readonly number: number
  readonly bytes: number
}

function* copyFile(from: VolumeStorage, to: VolumeStorage, kind: FileKind, meta: Sized): Op<void> {
  const source = yield* from.open(kind, meta.number)
  const target = yield* to.create(kind, meta.number, { bytesExpected: meta.bytes })
  for (let at = 0; at < meta.bytes; at += COPY_BYTES) {
    const bytes = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, meta.bytes - at))
    yield* source.read(at, bytes)
    yield* target.append([bytes])
  }
  yield* target.seal()
}
