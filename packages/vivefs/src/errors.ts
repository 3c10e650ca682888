/**
 * Errors of the filesystem face: errno names with `errno, code, syscall, path, dest`, as node:fs throws them, and the
 * project's own `ERR_VIVEFS_*` codes for what node:fs has no name for.
 */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

export type ErrnoCode = Extract<keyof typeof constants.errno, string>

const messages = new Map<string, string>()
for (const [, [name, message]] of getSystemErrorMap()) messages.set(name, message)

/** What libuv has no text for. */
const ownMessages: Partial<Record<ErrnoCode, string>> = {
  ESTALE: 'stale file handle',
  EDQUOT: 'disk quota exceeded',
  ENODATA: 'no data available',
}

const brand = Symbol.for('vivefs.FilesystemError')

/** Details that node:fs puts beside the code. */
export interface ErrorContext {
  syscall?: string
  path?: string | Buffer
  dest?: string | Buffer
  cause?: unknown
}

/** A refusal by the rules of the filesystem; like the errors of node:fs it is an `Error` with `errno, code, syscall, path, dest` as far as it has them. */
export class FilesystemError extends Error {
  declare readonly errno: number
  declare readonly code: ErrnoCode
  declare syscall?: string
  declare path?: string | Buffer
  declare dest?: string | Buffer

  constructor(code: ErrnoCode, context: ErrorContext = {}) {
    super(describe(code, context), context.cause === undefined ? undefined : { cause: context.cause })
    this.errno = -constants.errno[code]
    this.code = code
    if (context.syscall !== undefined) this.syscall = context.syscall
    if (context.path !== undefined) this.path = context.path
    if (context.dest !== undefined) this.dest = context.dest
  }

  /** The same refusal with the call and the paths that the caller of node:fs knows it by. */
  locate(context: ErrorContext): FilesystemError {
    const located = new FilesystemError(this.code, { cause: this.cause, ...context })
    if (this.stack !== undefined) {
      located.stack = `${located.name}: ${located.message}\n${this.stack.split('\n').slice(1).join('\n')}`
    }
    return located
  }

  /** Survives two copies of this module (ESM beside CJS), unlike instanceof. */
  static is(error: unknown): error is FilesystemError {
    return typeof error === 'object' && error !== null && brand in error
  }
}

// What `console.log` and `error.constructor` show is what they show of node's: a plain Error.
Object.defineProperties(FilesystemError.prototype, {
  constructor: { value: Error, configurable: true, writable: true },
  [brand]: { value: true },
})

function describe(code: ErrnoCode, { syscall, path, dest }: ErrorContext): string {
  let text = `${code}: ${messages.get(code) ?? ownMessages[code] ?? code}`
  if (syscall !== undefined) text += `, ${syscall}`
  if (path !== undefined) text += ` '${path}'`
  if (dest !== undefined) text += ` -> '${dest}'`
  return text
}

/** Refuses with an errno. */
export const fail = (code: ErrnoCode, cause?: unknown): never => {
  throw new FilesystemError(code, cause === undefined ? {} : { cause })
}

/** The project's own codes. Each is explained in docs/errors.md. */
export type ViveErrorCode =
  | 'ERR_VIVEFS_LOCKED'
  | 'ERR_VIVEFS_CLOSED'
  | 'ERR_VIVEFS_NOT_A_VOLUME'
  | 'ERR_VIVEFS_EXISTS'
  | 'ERR_VIVEFS_FORMAT'
  | 'ERR_VIVEFS_CORRUPTION'
  | 'ERR_VIVEFS_STORE_FAILED'
  | 'ERR_VIVEFS_BATCH_TOO_BIG'
  | 'ERR_VIVEFS_ENGINE'
  | 'ERR_VIVEFS_OPTION'
  | 'ERR_VIVEFS_UNSUPPORTED'
  | 'ERR_VIVEFS_TRANSACTION_NESTED'
  | 'ERR_VIVEFS_TRANSACTION_OVER'
  | 'ERR_VIVEFS_CHANGES_GONE'
  | 'ERR_VIVEFS_CHANGES_OFF'
  | 'ERR_VIVEFS_INTERNAL'

/** A failure that no errno names: the volume, its store or its format. */
export class ViveError extends Error {
  readonly code: ViveErrorCode

  constructor(code: ViveErrorCode, message: string, options?: { cause?: unknown; [detail: string]: unknown }) {
    super(message, options && 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'ViveError'
    this.code = code
    for (const [key, value] of Object.entries(options ?? {})) {
      if (key !== 'cause') Object.defineProperty(this, key, { value, enumerable: true })
    }
  }
}

/** Stops on a broken rule of our own; always on. */
export function invariant(condition: unknown, rule: string): asserts condition {
  if (!condition) throw new ViveError('ERR_VIVEFS_INTERNAL', `broken invariant: ${rule}`)
}
