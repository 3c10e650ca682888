import { type Medium, type MemoryOptions, openMemory, openSmr } from '@vivefs/media'

/** A medium of a configuration: memory, or a simulated SMR disk of the same zones. `durability: 'volatile'`: DRAM that forgets. */
export interface MediumShape extends MemoryOptions {
  readonly kind?: 'memory' | 'smr'
}

/** The medium; what the shape does not say is as in `base`. */
export function openShaped(
  { kind, ...shape }: MediumShape,
  base: MemoryOptions,
): Medium & ReturnType<typeof openMemory | typeof openSmr> {
  const { zoneCount = 64, zoneBytes = 1 << 20 } = { ...base, ...shape }
  if (kind === 'smr') return openSmr({ zoneCount, zoneBytes, conventionalZones: 0, blockBytes: 512 })
  return openMemory({ ...base, ...shape })
}
