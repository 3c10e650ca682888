/** The synchronous face. Where the store has no synchronous answer, the call throws ERR_VIVEFS_SYNC_UNAVAILABLE. */
import { FilesystemError } from '../errors.ts'
import { type Op, runSync } from '../op.ts'
import * as attributes from './attributes.ts'
import { byDescriptor, open, wholeFiles } from './callbacks.ts'
import type { Face } from './context.ts'
import { cp } from './cp.ts'
import type { Description } from './descriptors.ts'
import { openDirectory } from './dir.ts'
import * as io from './io.ts'
import { byPath } from './operations.ts'
import { realpath, realpathByLstat } from './realpath.ts'
import type { ViveSync } from './types.ts'

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

const entries = Object.entries(table).map(([name, operation]) => [`${name}Sync`, operation] as const)

function syncOf(face: Face, name: string, operation: Operation) {
  const holder = {
    [name](...args: never[]): unknown {
      return runSync(operation(face, ...args), name)
    },
  }
  return holder[name]
}

function openFile(face: Face, fd: unknown, syscall: string): Description {
  const description = face.descriptors.find(fd)
  if (description === undefined) throw new FilesystemError('EBADF', { syscall })
  return description
}

export function syncFaceOf(face: Face): ViveSync {
  const out: Record<string, unknown> = {}
  for (const [name, operation] of entries) out[name] = syncOf(face, name, operation)
  Object.assign(out, {
    readSync: (fd: unknown, ...args: [unknown?, unknown?, unknown?, unknown?]) => {
      const of = openFile(face, fd, 'read')
      return runSync(io.read(face, of, io.toReadInto(...args)), 'readSync')
    },
    readvSync: (fd: unknown, buffers: unknown, position?: unknown) =>
      runSync(io.readv(face, openFile(face, fd, 'read'), buffers, position), 'readvSync'),
    writeSync: (fd: unknown, ...args: [unknown, unknown?, unknown?, unknown?]) => {
      const of = openFile(face, fd, 'write')
      return runSync(io.write(face, of, io.toWriteFrom(...args)), 'writeSync')
    },
    writevSync: (fd: unknown, buffers: unknown, position?: unknown) =>
      runSync(io.writev(face, openFile(face, fd, 'write'), buffers, position), 'writevSync'),
  })
  Object.assign(out.realpathSync as object, { native: syncOf(face, 'native', realpath as Operation) })
  return out as unknown as ViveSync
}
