/** What node:fs still does and warns of. The running Node gives its warnings itself: it is asked about what leads nowhere. */
import nodeFs from 'node:fs'
import { NO_DESCRIPTOR, NOWHERE } from './wording.ts'

/** Runs a call of node:fs for its warnings; throws what it refuses of the arguments, and nothing else. */
function ask(call: () => unknown): void {
  try {
    call()
  } catch (error) {
    if (String((error as { code?: unknown }).code).startsWith('ERR_')) throw error
  }
}

/** Options of rmdir: checks them, and warns of `recursive` (DEP0147) where it is not refused. */
export const askRmdir = (options: unknown): void => ask(() => nodeFs.rmdirSync(NOWHERE, options as object))

/** A descriptor in the place of truncate's path: a warning (DEP0081), or a refusal. */
export const askTruncate = (): void => ask(() => nodeFs.truncateSync(NO_DESCRIPTOR as never))

/** A path that is none: a warning of newer versions (DEP0187). */
export const askExists = (path: unknown): void => ask(() => nodeFs.existsSync(path as string))
