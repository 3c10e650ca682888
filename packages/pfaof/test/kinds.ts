import { type Medium, openDirectory, openMemory, openObject, openSmr, openTape, openZns } from '@vivefs/media'

/** Small media for tests of damage and failure, by kind; each call makes new ones. Files lie on the medium `m`. */
export const KINDS: Readonly<Record<string, () => Record<string, Medium>>> = {
  memory: () => ({ m: openMemory({ zoneCount: 28, zoneBytes: 16 << 10, durability: 'flush' }) }),
  'memory without pointers, in blocks': () => ({
    m: openMemory({ zoneCount: 32, zoneBytes: 32 << 10, durability: 'flush', pointerSurvives: false, blockBytes: 512 }),
  }),
  zns: () => ({
    m: openZns({
      zoneCount: 40,
      zoneBytes: 32 << 10,
      zoneCapacityBytes: 24 << 10,
      blockBytes: 512,
      openZonesMax: 8,
      activeZonesMax: 10,
    }),
  }),
  smr: () => ({ m: openSmr({ zoneCount: 40, zoneBytes: 32 << 10, blockBytes: 512, conventionalZones: 4 }) }),
  object: () => ({ m: openObject({ zoneCount: 64, zoneBytes: 64 << 10 }) }),
  'tape beside memory': () => ({
    m: openTape({ zoneCount: 64, zoneBytes: 64 << 10 }),
    h: openMemory({ zoneCount: 28, zoneBytes: 16 << 10, durability: 'flush' }),
  }),
}

/** A directory at `path`, which must not exist yet. */
export const smallDirectory = (path: string): Medium =>
  openDirectory({ path, zoneCount: 28, zoneBytes: 32 << 10, preallocateBytes: 8 << 10 })
