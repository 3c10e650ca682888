/** Tells the directory of the open volume itself, which must not be imported into itself. */
import { readFileSync, statSync } from 'node:fs'
import { VOLUME_FILE } from '../engine/volume-file.ts'
import { identityOf, joinPath, lstatHost } from './host.ts'

const HOLDER_FILE = 'holder.json'

function readJson(path: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Whether a host directory is where the volume lives that this process has open. A copy of it is not. */
export function isVolumeDirectory(path: Buffer, volumeId: string): boolean {
  const description = joinPath(path, VOLUME_FILE)
  try {
    if (statSync(description, { throwIfNoEntry: false }) === undefined) return false
  } catch {
    // A directory that we may not search is not one that we have a volume open in.
    return false
  }
  if (readJson(description).volumeId !== volumeId) return false
  return readJson(joinPath(path, HOLDER_FILE)).pid === process.pid
}

/** Answers for host directories whether they are left out, and why. */
export function exclusion(volumeId: string, exclude: readonly string[] = []): (path: Buffer) => string | undefined {
  const excluded = new Set<string>()
  for (const path of exclude) {
    try {
      excluded.add(identityOf(lstatHost(Buffer.from(path))))
    } catch {
      // What is not there cannot be met.
    }
  }
  return (path) => {
    if (excluded.size > 0 && excluded.has(identityOf(lstatHost(path)))) return 'it was excluded'
    return isVolumeDirectory(path, volumeId) ? 'it is the volume itself' : undefined
  }
}
