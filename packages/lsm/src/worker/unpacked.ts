import { existsSync } from 'node:fs'

const ARCHIVE = /(\.asar)(?=[\\/])/

/**
 * Where a program file lies that was packed into an asar archive: electron-builder and electron-packager put files that are to be run
 * from the disk, as workers are, into `app.asar.unpacked` beside `app.asar`. Without such a copy the path stays as it is; a worker that
 * cannot be started from there is done without.
 */
export function unpacked(path: string, exists: (path: string) => boolean = existsSync): string {
  if (!ARCHIVE.test(path)) return path
  const beside = path.replace(ARCHIVE, '$1.unpacked')
  return exists(beside) ? beside : path
}
