import {
  type Imageable,
  type Medium,
  type MemoryOptions,
  openMemory,
  openObject,
  openSmr,
  openTape,
} from '@vivefs/media'

/** A medium of a configuration: memory, or a simulated SMR disk, tape or object store of the same zones. `durability: 'volatile'`: DRAM that forgets. */
export interface MediumShape extends MemoryOptions {
  readonly kind?: 'memory' | 'smr' | 'tape' | 'object'
}

/** A tape gives no space back: it has so many times the zones of the others. */
const TAPE_ZONES = 64
/** Names in a store cost nothing. */
const OBJECTS = 4096

/** The medium; what the shape does not say is as in `base`. */
export function openShaped({ kind, ...shape }: MediumShape, base: MemoryOptions): Medium & Imageable {
  const { zoneCount = 64, zoneBytes = 1 << 20 } = { ...base, ...shape }
  if (kind === 'smr') return openSmr({ zoneCount, zoneBytes, conventionalZones: 0, blockBytes: 512 })
  if (kind === 'object') return openObject({ zoneCount: OBJECTS, zoneBytes })
  if (kind === 'tape') return openTape({ zoneCount: TAPE_ZONES * zoneCount, zoneBytes, blockBytesMax: 16 << 10 })
  return openMemory({ ...base, ...shape })
}
