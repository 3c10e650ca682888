import { openStorage } from '../storage/open-storage.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'
import { withMedia } from './open-level.ts'

const CACHE_BYTES = 4 << 20

/** Opens the files of a database for looking at them, on the media of a file where one is given, and closes them whatever happens. */
export function withStorage<T>(
  location: string,
  mediaPath: string | undefined,
  use: (storage: VolumeStorage) => Promise<T>,
): Promise<T> {
  return withMedia(mediaPath, true, async (media) => {
    const fixed = { createIfMissing: false, errorIfExists: false, cacheBytes: CACHE_BYTES, capacityBytes: 0 }
    const storage = await openStorage({ location, media, readOnly: true, ...fixed })
    try {
      return await use(storage)
    } finally {
      await storage.close()
    }
  })
}
