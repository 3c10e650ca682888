/** The suite over node:fs and the filesystem of the host: the proof that the suite is right. */
import { describe, test } from 'vitest'
import { filesystemSuite } from 'vivefs/conformance'
import { hasExtras, isHostUsable, openHost } from './host.ts'

if (isHostUsable()) {
  const extras = hasExtras()
  filesystemSuite({
    name: 'host',
    test,
    describe,
    open: () => openHost(),
    capabilities: { mknod: extras, renameFlags: extras, xattr: extras, linkTemporary: extras },
    differences: {
      'errno: rename EBUSY: / to made': 'the directory of the suite is a mount of its own: EXDEV comes first',
      'errno: rename EBUSY: empty to /': 'the directory of the suite is a mount of its own: EXDEV comes first',
    },
  })
} else {
  test.skip('host: needs Linux, the superuser and a mount namespace to act as several people', () => {})
}
