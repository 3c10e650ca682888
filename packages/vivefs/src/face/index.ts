/** The face of a volume that is shaped like node:fs: one table of operations, driven three ways. */
import nodeFs from 'node:fs'
import type { Core } from '../core/core.ts'
import type { Credentials } from '../core/mode.ts'
import { sessionOwner } from '../lock/types.ts'
import type { Op } from '../op.ts'
import { callbacksOf } from './callbacks.ts'
import { constants } from './constants.ts'
import type { Face } from './context.ts'
import { Descriptors } from './descriptors.ts'
import { promisesOf } from './promises.ts'
import { runtimeOnlyOf, runtimeOnlyPromisesOf } from './runtime-only.ts'
import { openReadStream, openWriteStream } from './streams/streams.ts'
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

function facesOf(core: Core): Faces {
  let faces = tables.get(core)
  if (faces === undefined) {
    faces = { descriptors: new Descriptors(core), byIdentity: new Map() }
    tables.set(core, faces)
  }
  return faces
}

/** Closes what a session has open and lets go of its locks. */
export const endSession = (core: Core, session: string): Op<void> => facesOf(core).descriptors.closeSession(session)

/**
 * The volume as `who` sees it: one object for each identity, current directory and session. `cwd`: where relative paths
 * begin, an absolute path. `session`: what a process is to POSIX locks.
 */
export function createFs(core: Core, who: Credentials, cwd = '/', session = ''): ViveFileSystem {
  const { descriptors, byIdentity } = facesOf(core)
  const identity = `${who.uid} ${who.gid} ${who.umask} ${who.groups} ${session} ${cwd}`
  let fs = byIdentity.get(identity)
  if (fs === undefined) {
    fs = makeFs(core, who, descriptors, cwd, session)
    if (byIdentity.size < VIEWS_MAX) byIdentity.set(identity, fs)
  }
  return fs
}

function makeFs(core: Core, who: Credentials, descriptors: Descriptors, cwd: string, session: string): ViveFileSystem {
  const device = Number.parseInt(core.identity.slice(0, 8), 16)
  const own = { ...who, client: sessionOwner(session) }
  const face: Face = { core, who: own, descriptors, device, cwd: cwd === '/' ? undefined : Buffer.from(cwd), session }
  const fs = callbacksOf(face)
  Object.assign(fs, syncFaceOf(face), runtimeOnlyOf(face, fs), {
    createReadStream: (path: unknown, options?: unknown) => openReadStream(face, path, options),
    createWriteStream: (path: unknown, options?: unknown) => openWriteStream(face, path, options),
    promises: Object.assign(promisesOf(face), runtimeOnlyPromisesOf(face)),
    constants,
  })
  warnLike(fs, nodeFs)
  shapeLike(fs, nodeFs)
  shapeLike((fs as unknown as ViveFileSystem).promises, nodeFs.promises)
  return fs as unknown as ViveFileSystem
}

/** Constants that newer versions warn of are node's own properties, warning included. */
function warnLike(ours: object, node: object): void {
  for (const name of ['F_OK', 'R_OK', 'W_OK', 'X_OK']) {
    const own = Object.getOwnPropertyDescriptor(node, name)
    if (own?.get !== undefined) Object.defineProperty(ours, name, own)
  }
}

/** Functions have the names and numbers of parameters of node's: some callers look. */
function shapeLike(ours: object, node: object): void {
  for (const [name, own] of Object.entries(node)) {
    const function_ = (ours as Record<string, unknown>)[name]
    if (typeof own !== 'function' || typeof function_ !== 'function' || function_ === own) continue
    for (const key of ['name', 'length'] as const) {
      Object.defineProperty(function_, key, { value: own[key], configurable: true })
    }
  }
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
