/** The synchronous face. Where the store has no synchronous answer, the call throws ERR_VIVEFS_SYNC_UNAVAILABLE. */
import { FilesystemError } from '../errors.ts'
import { type Op, runSync } from '../op.ts'
import { traced } from '../trace.ts'
import * as attributes from './attributes.ts'
import { byDescriptor, open, wholeFiles } from './callbacks.ts'
import type { Face } from './context.ts'
import { cp } from './cp.ts'
import type { Description } from './descriptors.ts'
import { openDirectory } from './dir.ts'
import * as io from './io.ts'
import { byPath } from './operations.ts'
import { realpath, realpathByLstat } from './realpath.ts'
import { toReadInto, toWriteFrom } from './transfer-arguments.ts'
import type { ViveSync } from './types.ts'
import { worded } from './wording.ts'

type Operation = (face: Face, ...args: never[]) => Op<unknown>

const table: Record<string, Operation> = {
  ...(byPath as Record<string, Operation>),
  ...byDescriptor,
  ...wholeFiles,
  open,
  cp: cp as Operation,
  exists: attributes.exists as Operation,
  lstat: attributes.lstatSync as Operation,
  opendir: openDirectory as Operation,
  realpath: realpathByLstat as Operation,
  stat: attributes.statSync as Operation,
}

const SUFFIX = 'Sync'

const entries = Object.entries(table).map(([name, operation]) => [`${name}Sync`, operation] as const)

function syncOf(face: Face, name: string, operation: Operation) {
  const holder = {
    [name](...args: never[]): unknown {
      let op: Op<unknown>
      try {
        op = operation(face, ...args)
      } catch (error) {
        throw worded('sync', name.slice(0, -SUFFIX.length), args, error)
      }
      return runSync(traced(op, face.core, face.who, 'sync', name, args), name)
    },
  }
  return holder[name]
}

function openFile(face: Face, fd: unknown, syscall: string): Description {
  const description = face.descriptors.find(fd)
  if (description === undefined) throw new FilesystemError('EBADF', { syscall })
  return description
}

/** Reads and writes: the descriptor is found first. */
const transfers: Record<string, Operation> = {
  read: (face: Face, fd: unknown, ...args: unknown[]) =>
    io.read(face, openFile(face, fd, 'read'), toReadInto('sync', args)),
  readv: (face: Face, fd: unknown, buffers?: unknown, position?: unknown) =>
    io.readv(face, openFile(face, fd, 'read'), buffers, position),
  write: (face: Face, fd: unknown, ...args: unknown[]) =>
    io.write(face, openFile(face, fd, 'write'), toWriteFrom('sync', args)),
  writev: (face: Face, fd: unknown, buffers?: unknown, position?: unknown) =>
    io.writev(face, openFile(face, fd, 'write'), buffers, position),
}

export function syncFaceOf(face: Face): ViveSync {
  const out: Record<string, unknown> = {}
  for (const [name, operation] of entries) out[name] = syncOf(face, name, operation)
  for (const [name, operation] of Object.entries(transfers)) out[`${name}Sync`] = syncOf(face, `${name}Sync`, operation)
  Object.assign(out.realpathSync as object, { native: syncOf(face, 'realpathSync', realpath as Operation) })
  return out as unknown as ViveSync
}
