/**
 * What the store uses of an abstract-level database, with binary keys and values spelled out on every call: an instance
 * whose own default encodings are others works as well.
 */
import { FilesystemError, ViveError } from '../errors.ts'
import type { Bytes } from './store.ts'

export interface Encodings {
  readonly keyEncoding: 'view' | 'buffer'
  readonly valueEncoding: 'view' | 'buffer'
}

export interface RangeOptions extends Encodings {
  gte?: Bytes
  gt?: Bytes
  lt?: Bytes
  reverse?: boolean
  /** False: values are not fetched; what the iterator says of them has no meaning. */
  values?: boolean
}

/** A row on its way into the database; `value` is undefined in a tombstone. It is itself an operation of `db.batch`. */
export interface WriteRow {
  readonly type: 'put' | 'del'
  readonly key: Bytes
  readonly value: Bytes | undefined
}

export interface DatabaseIterator {
  nextv(size: number): Promise<[Bytes, Bytes][]>
  close(): Promise<void>
}

/** What `iteratorSync` answers: a snapshot of the instant it was made. To be closed. */
export interface SyncDatabaseIterator {
  nextv(size: number): [Bytes, Bytes][]
  close(): void
}

/** The part of AbstractLevel that the store calls. */
export interface Database {
  readonly status: string
  readonly supports: { readonly getSync?: boolean; readonly additionalMethods?: Readonly<Record<string, unknown>> }
  open(): Promise<void>
  close(): Promise<void>
  get(key: Bytes, options: Encodings): Promise<Bytes | undefined>
  getSync?(key: Bytes, options: Encodings): Bytes | undefined
  batch(rows: readonly WriteRow[], options: Encodings & { sync: boolean }): Promise<void>
  iterator(options: RangeOptions): DatabaseIterator
  /** Announced in `supports.additionalMethods`. Lands before it returns, behind every batch that landed before it. */
  batchSync?(rows: readonly WriteRow[], options: Encodings & { sync: boolean }): void
  /** Announced in `supports.additionalMethods`. */
  iteratorSync?(options: RangeOptions): SyncDatabaseIterator
  keyEncoding(name: string): { readonly format: string }
  valueEncoding(name: string): { readonly format: string }
}

/**
 * Any abstract-level database, whatever its formats and default encodings. The generic class cannot say that: the types of its hooks follow
 * the very subclass, so an instance is, or is not, one of `AbstractLevel<any, any, any>` as the compiler happens to look at it.
 */
export interface AnyLevel {
  readonly status: string
  readonly supports: object
  open(): Promise<void>
  close(): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: encodings of the instance's own
  get(key: any, options?: any): Promise<any>
  // biome-ignore lint/suspicious/noExplicitAny: encodings of the instance's own
  batch(operations: any, options?: any): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: encodings of the instance's own
  iterator(options?: any): any
  // biome-ignore lint/suspicious/noExplicitAny: encodings of the instance's own
  keys(options?: any): any
}

/** The one place where the generic types of abstract-level (which follow an instance's default encodings) are left. */
export const asDatabase = (db: AnyLevel): Database => db as unknown as Database

/** Whether the database announces an extra that abstract-level does not know. */
const announces = (db: Database, name: 'batchSync' | 'iteratorSync'): boolean =>
  Boolean(db.supports.additionalMethods?.[name]) && typeof db[name] === 'function'

/** What the database does without waiting: nothing, point reads, or everything. */
export function syncAbility(db: Database): 'none' | 'reads' | 'full' {
  if (db.supports.getSync !== true) return 'none'
  return announces(db, 'batchSync') && announces(db, 'iteratorSync') ? 'full' : 'reads'
}

/**
 * The binary encodings that reach the database without a detour. `view` wins where it is native because plain
 * Uint8Arrays pass through it unwrapped. An instance that keeps keys as text would order them as text (base64): refused
 * with ERR_VIVEFS_ENGINE.
 */
export function binaryEncodings(db: Database): Encodings {
  return {
    keyEncoding: binary((name) => db.keyEncoding(name)),
    valueEncoding: binary((name) => db.valueEncoding(name)),
  }
}

function binary(encoding: (name: string) => { readonly format: string }): 'view' | 'buffer' {
  for (const name of ['view', 'buffer'] as const) {
    try {
      if (encoding(name).format === name) return name
    } catch {
      // Not known to this instance at all: the next one may be.
    }
  }
  throw new ViveError('ERR_VIVEFS_ENGINE', 'the database keeps neither "view" nor "buffer" keys and values as they are')
}

/** The error of a failed read as callers see it: EIO with the cause; ERR_VIVEFS_CLOSED when the database was closed. */
export function readFailure(cause: unknown): Error {
  if (codesOf(cause).includes('LEVEL_DATABASE_NOT_OPEN')) {
    return new ViveError('ERR_VIVEFS_CLOSED', 'the database was closed while it was in use', { cause })
  }
  return new FilesystemError('EIO', { cause })
}

/** The row lies where nothing answers on the spot (tape, object stores): to be read asynchronously. */
export const mustWait = (cause: unknown): boolean => codesOf(cause).includes('LEVEL_SYNC_UNAVAILABLE')

/** The error of a database that does not open. */
export function openFailure(cause: unknown): ViveError {
  if (codesOf(cause).includes('LEVEL_LOCKED')) {
    return new ViveError('ERR_VIVEFS_LOCKED', 'the database is in use by another process or instance', { cause })
  }
  return new ViveError('ERR_VIVEFS_ENGINE', 'the database does not open', { cause })
}

/** The error of every call after a batch failed. */
export function storeFailure(cause: unknown): Error {
  if (isNoSpace(cause)) return new FilesystemError('ENOSPC', { cause })
  return new ViveError('ERR_VIVEFS_STORE_FAILED', 'a write to the store failed; open the volume again', { cause })
}

// Engines in C++ report a full disk as a general I/O error whose message is the operating system's text.
const noSpaceText = /no space left on device|disk quota exceeded|not enough space on the disk/i
const noSpaceCode = /^(ENOSPC|EDQUOT)$|_NO_SPACE$/

function isNoSpace(error: unknown): boolean {
  if (codesOf(error).some((code) => noSpaceCode.test(code))) return true
  for (let link = error, depth = 0; link instanceof Error && depth < 8; link = link.cause, depth++) {
    if (noSpaceText.test(link.message)) return true
  }
  return false
}

/** The codes along a chain of causes, outermost first. */
function codesOf(error: unknown): string[] {
  const codes: string[] = []
  for (let link = error, depth = 0; typeof link === 'object' && link !== null && depth < 8; depth++) {
    const { code, cause } = link as { code?: unknown; cause?: unknown }
    if (typeof code === 'string') codes.push(code)
    link = cause
  }
  return codes
}
