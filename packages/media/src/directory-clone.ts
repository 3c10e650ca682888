/**
 * A second directory with the same contents, made in one step: what a process that died at this instant would leave. Files of finished zones
 * are hard links (rule D1 leaves a file with two names alone), the others are copies; where links cannot be made everything is copied.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { SUPERBLOCK_FILE, ZONES_DIRECTORY } from './directory-layout.ts'
import { syncDirectory } from './durable-file.ts'
import { MediumError } from './error.ts'
import { isSealed } from './zone-file.ts'

/** How the clone came to its files. */
export interface CloneReport {
  readonly linkedFiles: number
  readonly copiedFiles: number
}

const CANNOT_LINK = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

function copyDurably(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
  const fd = openSync(to, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (CANNOT_LINK.has((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

/** Clones the medium in directory `from` to `to`, which must be absent or empty. Durable when it returns. MEDIA_ARGUMENT. */
export function cloneDirectory(from: string, to: string): CloneReport {
  if (existsSync(to) && readdirSync(to).length > 0) throw new MediumError('MEDIA_ARGUMENT', `${to} is not empty`)
  mkdirSync(join(to, ZONES_DIRECTORY), { recursive: true })
  let linkedFiles = 0
  let copiedFiles = 0
  for (const name of readdirSync(join(from, ZONES_DIRECTORY))) {
    const [source, target] = [join(from, ZONES_DIRECTORY, name), join(to, ZONES_DIRECTORY, name)]
    if (isSealed(source) && linked(source, target)) linkedFiles++
    else {
      copyDurably(source, target)
      copiedFiles++
    }
  }
  syncDirectory(join(to, ZONES_DIRECTORY))
  // The superblock comes last: without it there is no medium.
  copyDurably(join(from, SUPERBLOCK_FILE), join(to, SUPERBLOCK_FILE))
  syncDirectory(to)
  syncDirectory(dirname(to))
  return { linkedFiles, copiedFiles }
}
