/** A face of a volume, of a snapshot or of a fork, for one caller. */
import { posix } from 'node:path'
import type { Core } from './core/core.ts'
import type { Credentials } from './core/mode.ts'
import { ViveError } from './errors.ts'
import { createFs, type ViveFileSystem } from './face/index.ts'

/** A face of the volume for one caller. */
export interface View {
  readonly credentials: Credentials
  /** Where relative paths begin. */
  readonly cwd: string
  /** Shaped like node:fs. */
  readonly fs: ViveFileSystem
}

/** Who looks, from where, in which session; what is not given is the default of `as`. */
export type ViewOptions = Partial<Credentials> & { readonly cwd?: string; readonly session?: string }

/** ERR_VIVEFS_OPTION: `cwd` is not absolute. `own`: where credentials come from that are not given. */
export function viewOn(core: Core, own: Credentials, view: ViewOptions): View {
  const { cwd = '/', session = '', ...credentials } = view
  if (!posix.isAbsolute(cwd)) throw new ViveError('ERR_VIVEFS_OPTION', 'cwd: an absolute path')
  const whole = { ...own, groups: [], ...credentials }
  const at = posix.resolve(cwd)
  return { credentials: whole, cwd: at, fs: createFs(core, whole, at, session) }
}
