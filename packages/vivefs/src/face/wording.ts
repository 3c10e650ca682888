/**
 * Refusals of arguments in the words of the running Node, which change from one version to the next. Our own checks
 * decide and cost what they cost; once they have refused, node:fs itself is asked to refuse the same arguments, with every
 * path and descriptor that is valid replaced by one that leads nowhere, and its error is thrown instead.
 */
import nodeFs from 'node:fs'
import { devNull } from 'node:os'
import { types } from 'node:util'
import { FilesystemError } from '../errors.ts'
import { nodeMajor } from './arguments.ts'

export type Form = 'callback' | 'sync' | 'promises'

type Anything = (...args: unknown[]) => unknown

/** A name below what is no directory: nothing can be found, made or removed there. */
export const NOWHERE = `${devNull}/vivefs`
/** A descriptor that no process has. */
export const NO_DESCRIPTOR = 0x7fff_ffff

/** Functions of a descriptor; all others take a path first, some of them a descriptor as well. */
const ofDescriptors = /^(close|fchmod|fchown|fdatasync|fstat|fsync|ftruncate|futimes|read|readv|write|writev)$/

/** Functions of two paths. */
const twoPaths = new Set(['copyFile', 'cp', 'link', 'rename', 'symlink'])

/** Functions that take a descriptor where others take a path only. */
const eitherWay = new Set(['appendFile', 'readFile', 'writeFile', ...(nodeMajor < 24 ? ['truncate'] : [])])

const isValidDescriptor = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= NO_DESCRIPTOR

const hasNul = (value: string | Uint8Array): boolean =>
  typeof value === 'string' ? value.includes('\0') : value.includes(0)

/** What node may be asked about in the place of a path or descriptor: never what it could take for one of the host's. */
function harmless(name: string, value: unknown): unknown {
  const isDescriptor = ofDescriptors.test(name)
  if (isValidDescriptor(value)) return isDescriptor || eitherWay.has(name) ? NO_DESCRIPTOR : value
  if (isDescriptor) return value
  if (typeof value === 'string' || types.isUint8Array(value)) return hasNul(value) ? value : NOWHERE
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const isPlain = Object.getPrototypeOf(value) === Object.prototype && !('href' in value)
  return isPlain ? value : NOWHERE
}

const isOwn = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && !FilesystemError.is(error) && String((error as { code?: unknown }).code).startsWith('ERR_')

function harmlessArguments(name: string, args: readonly unknown[]): unknown[] {
  const paths = twoPaths.has(name) ? 2 : 1
  return args.map((value, index) => {
    if (index < paths) return harmless(name, value)
    // A filter is never asked about the paths of the host.
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, 'filter')) {
      const { filter } = value as { filter: unknown }
      return typeof filter === 'function' ? { ...value, filter: () => false } : value
    }
    return value
  })
}

/** In the place of a callback; texts show its name. */
const silent = (name: string): (() => void) => Object.defineProperty(() => {}, 'name', { value: name })

/** `error` as node's function `name` words it; `error` itself where node has nothing to say. */
export function worded(form: 'callback' | 'sync', name: string, args: readonly unknown[], error: unknown): unknown {
  const ask = (nodeFs as unknown as Record<string, Anything | undefined>)[form === 'sync' ? `${name}Sync` : name]
  if (!isOwn(error) || ask === undefined) return error
  const asked = harmlessArguments(name, args)
  if (form === 'callback') {
    for (const [index, value] of asked.entries()) if (typeof value === 'function') asked[index] = silent(value.name)
  }
  try {
    ask(...asked)
  } catch (theirs) {
    if (isOwn(theirs)) return theirs
  }
  return error
}

/** What a promise does with the error that was worded for it. */
export function refuse(error: unknown): never {
  throw error
}

/** As `worded`, of fs.promises. */
export async function wordedAsync(name: string, args: readonly unknown[], error: unknown): Promise<unknown> {
  const ask = (nodeFs.promises as unknown as Record<string, Anything | undefined>)[name]
  if (!isOwn(error) || ask === undefined) return error
  try {
    await ask(...harmlessArguments(name, args))
  } catch (theirs) {
    if (isOwn(theirs)) return theirs
  }
  return error
}

/** Methods of FileHandle that would change the null device if node did not refuse: functions say the same. */
const functionOf: Readonly<Record<string, string>> = { chmod: 'fchmod', chown: 'fchown', utimes: 'futimes' }

/** As `worded`, of a method of FileHandle: a handle of the null device is asked. */
export async function wordedByHandle(name: string, args: readonly unknown[], error: unknown): Promise<unknown> {
  if (!isOwn(error)) return error
  if (name in functionOf) return worded('sync', functionOf[name], [NO_DESCRIPTOR, ...args], error)
  try {
    const handle = (await nodeFs.promises.open(devNull, 'r+')) as unknown as Record<string, Anything>
    try {
      await handle[name]?.(...args)
    } finally {
      await handle.close()
    }
  } catch (theirs) {
    if (isOwn(theirs)) return theirs
  }
  return error
}
