import { openStorage } from '../storage/open-storage.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'

const CACHE_BYTES = 4 << 20

/** Opens the files of a database for `use`, and closes them whatever happens. */
export async function withStorage<T>(
  location: string,
  readOnly: boolean,
  use: (storage: VolumeStorage) => Promise<T>,
): Promise<T> {
  const fixed = { createIfMissing: false, errorIfExists: false, cacheBytes: CACHE_BYTES, capacityBytes: 0 }
  const storage = await openStorage({ location, readOnly, ...fixed })
  try {
    return await use(storage)
  } finally {
    await storage.close()
  }
}
