/** The face of a volume that is shaped like node:fs: one table of operations, driven three ways. */
import type { Core } from '../core/core.ts'
import type { Credentials } from '../core/mode.ts'
import { callbacksOf } from './callbacks.ts'
import { constants } from './constants.ts'
import type { Face } from './context.ts'
import { Descriptors } from './descriptors.ts'
import { promisesOf } from './promises.ts'
import { openReadStream, openWriteStream } from './streams.ts'
import { syncFaceOf } from './sync.ts'
import type { ViveFileSystem } from './types.ts'

/** Descriptors are numbers of the volume, so all its views share them. */
const tables = new WeakMap<Core, Descriptors>()

/** The volume as `who` sees it. */
export function createFs(core: Core, who: Credentials): ViveFileSystem {
  let descriptors = tables.get(core)
  if (descriptors === undefined) {
    descriptors = new Descriptors(core)
    tables.set(core, descriptors)
  }
  const device = Number.parseInt(core.superblock.volumeId.slice(0, 8), 16)
  const face: Face = { core, who, descriptors, device }
  return {
    ...callbacksOf(face),
    ...syncFaceOf(face),
    createReadStream: (path: unknown, options?: unknown) => openReadStream(face, path, options),
    createWriteStream: (path: unknown, options?: unknown) => openWriteStream(face, path, options),
    promises: promisesOf(face),
    constants,
  } as ViveFileSystem
}

export type {
  PosixCallbacks,
  PosixPromises,
  PosixSync,
  ViveCallbacks,
  ViveConstants,
  ViveFileHandle,
  ViveFileSystem,
  VivePromises,
  ViveSync,
} from './types.ts'
