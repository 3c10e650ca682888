/** `@vivefs/fuse` is a package of its own, loaded when a command needs it. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ViveError } from '../errors.ts'

export type FusePackage = typeof import('@vivefs/fuse')

const NAME = '@vivefs/fuse'

const isMissing = (error: unknown): boolean => {
  const { code, message = '' } = error as { code?: unknown; message?: string }
  return (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && message.includes(NAME)
}

/** From beside this package, or from the current directory. ERR_VIVEFS_ENGINE: it is installed in neither place. */
export async function loadFuse(): Promise<FusePackage> {
  try {
    return (await import(NAME)) as FusePackage
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  try {
    const from = createRequire(join(process.cwd(), 'package.json'))
    return (await import(pathToFileURL(from.resolve(NAME)).href)) as FusePackage
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new ViveError('ERR_VIVEFS_ENGINE', `mounting needs the package ${NAME}: npm install ${NAME}`, {
      cause: error,
    })
  }
}
