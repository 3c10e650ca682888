import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FuseError } from './error.ts'

/** Where the compiled worker lies: beside this module, unless a bundler moved it and `option` says where. FUSE_ARGUMENT. */
export function workerFile(option: string | URL | undefined): string {
  const file = option ?? new URL('./worker.js', import.meta.url)
  const path = typeof file === 'string' ? file : fileURLToPath(file)
  if (!existsSync(path)) throw new FuseError('FUSE_ARGUMENT', `the worker of @vivefs/fuse is not at ${path}`)
  return path
}
