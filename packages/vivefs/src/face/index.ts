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

/** Identities whose face a volume keeps; more are made anew. */
const VIEWS_MAX = 256

interface Faces {
  readonly descriptors: Descriptors
  readonly byIdentity: Map<string, ViveFileSystem>
}

/** Descriptors are numbers of the volume, so all its views share them. */
const tables = new WeakMap<Core, Faces>()

/** The volume as `who` sees it: one object for each identity. */
export function createFs(core: Core, who: Credentials): ViveFileSystem {
  let faces = tables.get(core)
  if (faces === undefined) {
    faces = { descriptors: new Descriptors(core), byIdentity: new Map() }
    tables.set(core, faces)
  }
  const { descriptors, byIdentity } = faces
  const identity = `${who.uid} ${who.gid} ${who.umask} ${who.groups}`
  let fs = byIdentity.get(identity)
  if (fs === undefined) {
    fs = makeFs(core, who, descriptors)
    if (byIdentity.size < VIEWS_MAX) byIdentity.set(identity, fs)
  }
  return fs
}

function makeFs(core: Core, who: Credentials, descriptors: Descriptors): ViveFileSystem {
  const device = Number.parseInt(core.superblock.volumeId.slice(0, 8), 16)
  const face: Face = { core, who, descriptors, device }
  return Object.assign(callbacksOf(face), syncFaceOf(face), {
    createReadStream: (path: unknown, options?: unknown) => openReadStream(face, path, options),
    createWriteStream: (path: unknown, options?: unknown) => openWriteStream(face, path, options),
    promises: promisesOf(face),
    constants,
  }) as unknown as ViveFileSystem
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
