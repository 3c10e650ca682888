/** What every operation of a face works with, and how its refusals get the call and the paths that node:fs shows. */
import type { Core } from '../core/core.ts'
import type { Credentials } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import type { Op } from '../op.ts'
import type { Descriptors } from './descriptors.ts'
import type { Path } from './paths.ts'

/** One caller's view of a volume. */
export interface Face {
  readonly core: Core
  readonly who: Credentials
  /** Shared by all views of a volume. */
  readonly descriptors: Descriptors
  /** st_dev of everything in the volume. */
  readonly device: number
}

/** The error with its call and paths, unless an inner step named them already. */
function locate(error: unknown, syscall: string, path?: string, dest?: string): unknown {
  if (!FilesystemError.is(error) || error.syscall !== undefined) return error
  return error.locate({ syscall, path, dest })
}

/** Runs `op`; its refusals name `syscall` and the paths. */
export function* located<T>(syscall: string, path: Path | undefined, op: Op<T>, dest?: Path): Op<T> {
  try {
    return yield* op
  } catch (error) {
    throw locate(error, syscall, path?.shown, dest?.shown)
  }
}
