import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FuseError } from './error.ts'

/**
 * Where the compiled worker lies: beside this module, unless a bundler moved it and `option` says where. In CommonJS that is `worker.cjs`
 * in the directory of this file. FUSE_ARGUMENT.
 */
export function workerFile(option: string | URL | undefined): string {
  const path = option === undefined ? besideThis() : typeof option === 'string' ? option : fileURLToPath(option)
  if (!existsSync(path)) throw new FuseError('FUSE_ARGUMENT', `the worker of @vivefs/fuse is not at ${path}`)
  return path
}

function besideThis(): string {
  if (typeof __dirname === 'string') return join(__dirname, 'worker.cjs')
  return fileURLToPath(new URL('./worker.js', import.meta.url))
}
