/** The suite over a volume in a directory: classic-level. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, test } from 'vitest'
import { filesystemSuite } from 'vivefs/conformance'
import { openVolume } from './volume.ts'

filesystemSuite({
  name: 'classic-level',
  test,
  describe,
  async open() {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vivefs-conformance-'))
    const volume = await openVolume(() => `level:${directory}`)
    const close = volume.close
    return Object.assign(volume, {
      close: async () => {
        await close()
        fs.rmSync(directory, { recursive: true, force: true })
      },
    })
  },
})
