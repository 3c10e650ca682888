/** `fs.promises`: the table of operations, driven asynchronously. */

import { type Op, runAsync } from '../op.ts'
import { traced } from '../trace.ts'
import { constants } from './constants.ts'
import type { Face } from './context.ts'
import { cp } from './cp.ts'
import type { Description } from './descriptors.ts'
import { openDirectory } from './dir.ts'
import { readdirAsync } from './directories.ts'
import { descriptionOf, FileHandle } from './file-handle.ts'
import { readFileAsync } from './files.ts'
import { open } from './io.ts'
import { byPath } from './operations.ts'
import { withPromise } from './stat-options.ts'
import type { VivePromises } from './types.ts'
import { refuse, wordedAsync } from './wording.ts'
import { appendAny, writeAny } from './write-any.ts'

type Operation = (face: Face, ...args: never[]) => Op<unknown>

/** Takes the FileHandle where a path may be one. */
const takingHandles = (operation: (face: Face, file: unknown, ...rest: never[]) => Op<unknown>) =>
  ((face: Face, file: unknown, ...rest: never[]) => operation(face, descriptionOf(file) ?? file, ...rest)) as Operation

const own: Record<string, Operation> = {
  ...(byPath as Record<string, Operation>),
  appendFile: takingHandles(appendAny as never),
  writeFile: takingHandles(writeAny as never),
  readFile: takingHandles(readFileAsync as never),
  readdir: readdirAsync as Operation,
  getAcl: takingHandles(byPath.getAcl as never),
  setAcl: takingHandles(byPath.setAcl as never),
  getxattr: takingHandles(byPath.getxattr as never),
  setxattr: takingHandles(byPath.setxattr as never),
  listxattr: takingHandles(byPath.listxattr as never),
  removexattr: takingHandles(byPath.removexattr as never),
  cp: cp as Operation,
  open: open as Operation,
  opendir: openDirectory as Operation,
  stat: withPromise.stat as Operation,
  lstat: withPromise.lstat as Operation,
}

const entries = Object.entries(own)

export function promisesOf(face: Face): VivePromises {
  const out: Record<string, unknown> = { constants }
  for (const [name, operation] of entries) {
    const holder = {
      [name](...args: never[]): Promise<unknown> {
        let op: Op<unknown>
        try {
          op = operation(face, ...args)
        } catch (error) {
          return wordedAsync(name, args, error).then(refuse)
        }
        return runAsync(traced(op, face.core, face.who, 'promises', name, args))
      },
    }
    out[name] = holder[name]
  }
  const { open: openFile } = out as Record<string, (...args: unknown[]) => Promise<Description>>
  out.open = (...args: unknown[]) => openFile(...args).then((description) => new FileHandle(face, description))
  return out as unknown as VivePromises
}
