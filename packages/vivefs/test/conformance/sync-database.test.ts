/** The suite over a volume on a database that does everything on the spot. */
import { describe, test } from 'vitest'
import { filesystemSuite } from 'vivefs/conformance'
import { SyncDatabase } from '../sync-database.ts'
import { openVolume } from './volume.ts'

const database = new SyncDatabase()

filesystemSuite({
  name: 'synchronous database',
  test,
  describe,
  open: () => openVolume(() => database),
})
