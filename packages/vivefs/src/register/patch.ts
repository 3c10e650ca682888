/** node:fs with the paths below a directory, and the descriptors that come from there, handed to a volume. */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ViveFileSystem } from '../face/index.ts'

type Anything = (this: unknown, ...args: unknown[]) => unknown
type Functions = Record<string, unknown>

/** Descriptors of the volume are shown this much higher, where no process has its own. */
const DESCRIPTOR_OFFSET = 0x4000_0000

/** The object that programs get, not a namespace of it. */
const node = createRequire(import.meta.url === undefined ? __filename : import.meta.url)('node:fs') as Functions & {
  promises: Functions
}

const twoPaths = /^(copyFile|cp|link|rename)(Sync)?$/
/** Functions whose first argument is a descriptor, and those that take one for a path. */
const byDescriptor = /^(close|f[a-z]+|read|readv|write|writev|readFile|writeFile|appendFile)(Sync)?$/

/** The path as text, when it is one. */
export function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (Buffer.isBuffer(value)) return value.toString()
  if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value)
  return undefined
}

/** Puts the functions of `fs` in the place of node's for what `isOurs`; the answer takes them out again. */
export function patch(fs: ViveFileSystem, isOurs: (path: string) => boolean): () => void {
  const before: [Functions, string, unknown][] = []
  const owns = (value: unknown): boolean => {
    const text = toText(value)
    return text !== undefined && posix.isAbsolute(text) && isOurs(posix.normalize(text))
  }
  const replace = (theirs: Functions, ours: Functions, name: string): void => {
    const original = theirs[name] as Anything
    const own = ours[name] as Anything
    before.push([theirs, name, original])
    const count = twoPaths.test(name) ? 2 : 1
    const takesDescriptor = byDescriptor.test(name)
    const opens = name === 'open' || name === 'openSync'
    const patched: Anything = function (this: unknown, ...args) {
      const [first] = args
      if (takesDescriptor && typeof first === 'number' && first >= DESCRIPTOR_OFFSET) {
        return own.call(ours, first - DESCRIPTOR_OFFSET, ...args.slice(1))
      }
      if (!args.slice(0, count).some(owns)) return original.apply(this, args)
      if (!opens || theirs !== node) return own.apply(ours, args)
      if (name === 'openSync') return (own.apply(ours, args) as number) + DESCRIPTOR_OFFSET
      const done = args.pop() as Anything
      return own.call(ours, ...args, (error: unknown, fd: number) =>
        error ? done(error) : done(null, fd + DESCRIPTOR_OFFSET),
      )
    }
    theirs[name] = Object.assign(Object.defineProperty(patched, 'name', { value: name }), own)
  }
  for (const [theirs, ours] of [
    [node, fs as unknown as Functions],
    [node.promises, fs.promises as unknown as Functions],
  ] as const) {
    for (const [name, original] of Object.entries(theirs)) {
      // Classes, and what has no path of its own.
      if (typeof original !== 'function' || /^([A-Z_]|unwatchFile|glob)/.test(name) || typeof ours[name] !== 'function')
        continue
      replace(theirs, ours, name)
    }
  }
  syncBuiltinESMExports()
  return () => {
    for (const [theirs, name, original] of before) theirs[name] = original
    syncBuiltinESMExports()
  }
}
