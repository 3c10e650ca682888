/** mkdtempDisposable: a temporary directory that goes with its scope, where the running Node has it. */
import { posix } from 'node:path'
import { type Op, runAsync, runSync } from '../op.ts'
import { cwdOf, type Face } from './context.ts'
import { mkdtemp } from './names.ts'
import { rm } from './removal.ts'

const HOW = { recursive: true, force: true } as const

function* remove(face: Face, path: string | Buffer): Op<void> {
  yield* rm(face, typeof path === 'string' ? posix.resolve(cwdOf(face), path) : path, HOW)
}

export async function mkdtempDisposable(face: Face, prefix: unknown, options?: unknown) {
  const path = await runAsync(mkdtemp(face, prefix, options))
  const go = (): Promise<void> => runAsync(remove(face, path))
  return { path, remove: go, [Symbol.asyncDispose]: go }
}

export function mkdtempDisposableSync(face: Face, prefix: unknown, options?: unknown) {
  const path = runSync(mkdtemp(face, prefix, options), 'mkdtempDisposableSync')
  const go = (): void => runSync(remove(face, path), 'mkdtempDisposableSync')
  return { path, remove: go, [Symbol.dispose]: go }
}
