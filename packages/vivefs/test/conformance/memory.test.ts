/** The suite over a volume in memory. */
import { MemoryLevel } from 'memory-level'
import { describe, test } from 'vitest'
import { filesystemSuite } from 'vivefs/conformance'
import { openVolume } from './volume.ts'

// The database is ours, so that the volume can be closed and opened again.
const database = new MemoryLevel<Uint8Array, Uint8Array>({ keyEncoding: 'view', valueEncoding: 'view' })

filesystemSuite({
  name: 'memory-level',
  test,
  describe,
  open: () => openVolume(() => database),
})
