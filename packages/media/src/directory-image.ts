/** The contents of a `directory` medium as an image, and a new directory made from one. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DirectoryShape, SUPERBLOCK_FILE, ZONES_DIRECTORY } from './directory-layout.ts'
import type { MediumImage, ZoneImage } from './image.ts'
import type { ZoneReport } from './medium.ts'
import { encodeSuperblock } from './superblock.ts'
import type { ZoneFiles } from './zone-files.ts'

/** Files as they are, stale and allocated bytes included. */
export function directoryImage(report: readonly ZoneReport[], files: ZoneFiles): MediumImage {
  const zones: ZoneImage[] = []
  for (const { zone, state, pointer, type = 'sequential' } of report) {
    const file = files.get(zone, false)
    if (file === undefined) continue
    const bytes = new Uint8Array(file.allocatedBytes)
    file.readSync(0, bytes)
    zones.push({ zone, state, pointer, type, bytes })
  }
  return { zones, keys: new Map() }
}

function freshPath(path: string): string {
  for (let number = 1; ; number++) {
    const candidate = `${path}.crash-${number}`
    if (!existsSync(candidate)) return candidate
  }
}

/** Writes a directory with the identity `id` beside `original` that holds the image; returns its path. */
export function writeDirectoryTwin(image: MediumImage, id: string, shape: DirectoryShape, original: string): string {
  const path = freshPath(original)
  mkdirSync(join(path, ZONES_DIRECTORY), { recursive: true })
  writeFileSync(join(path, SUPERBLOCK_FILE), encodeSuperblock('directory', { id, ...shape }))
  for (const { zone, state, bytes } of image.zones) {
    const file = join(path, ZONES_DIRECTORY, `${String(zone).padStart(8, '0')}.zone`)
    writeFileSync(file, bytes)
    if (state === 'full') chmodSync(file, 0o444)
  }
  return path
}
