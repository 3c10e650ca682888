/**
 * From a JSON spec to an open medium: what a worker thread does with `medium.spec`, and a program with its settings.
 */
import { type DirectoryOptions, openDirectory } from './directory.ts'
import { type BlockOptions, openBlock } from './drive/block.ts'
import { type MappedPoolOptions, openMappedPool } from './drive/mapped-pool.ts'
import { openTapeDrive, type TapeDriveOptions } from './drive/tape-open.ts'
import { openZonedBlock, type ZonedBlockOptions } from './drive/zoned-block.ts'
import { openZonefs, type ZonefsOptions } from './drive/zonefs.ts'
import { MediumError } from './error.ts'
import { type FaultOptions, openFault } from './fault.ts'
import type { Medium, MediumSpec } from './medium.ts'
import { type MemoryOptions, openMemory } from './memory.ts'
import { type ObjectOptions, openObject } from './object.ts'
import { openPool, type PoolOptions } from './pool.ts'
import { openSmr, type SmrOptions } from './smr.ts'
import { openTape, type TapeOptions } from './tape.ts'
import { openZns, type ZnsOptions } from './zns.ts'

type Opener = (spec: MediumSpec) => Medium | Promise<Medium>

/** The drivers check every option themselves: a spec is untrusted input. */
const openers = new Map<string, Opener>([
  ['memory', (spec) => openMemory(spec as MemoryOptions)],
  [
    'pool',
    (spec) =>
      spec.map === undefined
        ? openPool(spec as unknown as PoolOptions)
        : openMappedPool(spec as unknown as MappedPoolOptions),
  ],
  ['directory', (spec) => openDirectory(spec as unknown as DirectoryOptions)],
  ['block', (spec) => openBlock(spec as unknown as BlockOptions)],
  ['zonefs', (spec) => openZonefs(spec as unknown as ZonefsOptions)],
  ['zoned-block', (spec) => openZonedBlock(spec as unknown as ZonedBlockOptions)],
  ['tape-drive', (spec) => openTapeDrive(spec as unknown as TapeDriveOptions)],
  ['zns', (spec) => openZns(spec as ZnsOptions)],
  ['smr', (spec) => openSmr(spec as SmrOptions)],
  ['tape', (spec) => openTape(spec as TapeOptions)],
  ['object', (spec) => openObject(spec as ObjectOptions)],
  [
    'fault',
    async (spec) => openFault(await openMedium(spec.inner as unknown as MediumSpec), spec as unknown as FaultOptions),
  ],
])

/** Adds a kind of medium of your own, in this thread. MEDIA_ARGUMENT when the kind is taken. */
export function registerMedium(kind: string, open: Opener): void {
  if (openers.has(kind)) throw new MediumError('MEDIA_ARGUMENT', `kind ${kind} is taken`)
  openers.set(kind, open)
}

/**
 * Opens what a spec describes.
 *
 * Errors: MEDIA_ARGUMENT for an unknown kind or bad options, and those of the driver.
 */
export async function openMedium(spec: MediumSpec): Promise<Medium> {
  const kind: unknown = typeof spec === 'object' && spec !== null ? spec.kind : undefined
  const open = typeof kind === 'string' ? openers.get(kind) : undefined
  if (open === undefined) {
    const known = [...openers.keys()].join(', ')
    throw new MediumError('MEDIA_ARGUMENT', `unknown kind of medium ${String(kind)}; known: ${known}`)
  }
  return open(spec)
}
