/** The suite over node:fs and the filesystem of the host: the proof that the suite is right. */
import { describe, test } from 'vitest'
import { filesystemSuite } from 'vivefs/conformance'
import { hasExtras, hasLists, isHostUsable, openHost } from './host.ts'

if (isHostUsable()) {
  const extras = hasExtras()
  filesystemSuite({
    name: 'host',
    test,
    describe,
    open: () => openHost(),
    capabilities: {
      mknod: extras,
      renameFlags: extras,
      xattr: extras,
      acl: extras && hasLists(),
      locks: extras,
      linkTemporary: extras,
      // Setting limits needs a filesystem that is mounted for them.
      quotas: false,
      projects: false,
    },
    differences: {
      'access control lists: an empty mask leaves who is named nothing, even where others may':
        'where the mask is empty, Linux does not look at the list',
      'errno: rename EBUSY: / to made': 'the directory of the suite is a mount of its own: EXDEV comes first',
      'errno: rename EBUSY: empty to /': 'the directory of the suite is a mount of its own: EXDEV comes first',
    },
  })
} else {
  test.skip('host: needs Linux, the superuser and a mount namespace to act as several people', () => {})
}
