/** Volumes of vivefs as the suite takes them. */

import assert from 'node:assert/strict'
import { type OpenOptions, type View, ViveFS, type Where } from 'vivefs'
import type { SuiteFs, SuiteVolume } from 'vivefs/conformance'

/** A view of a volume with what node:fs has no name for. */
function suiteFs({ fs }: View): SuiteFs {
  const { promises } = fs
  return Object.assign(Object.create(fs) as typeof fs, {
    extras: {
      mknod: promises.mknod,
      rename: promises.rename,
      getxattr: promises.getxattr,
      setxattr: (path: string, name: string, value: Buffer, mode: 'any' | 'create' | 'replace' = 'any') =>
        promises.setxattr(path, name, value, { mode }),
      listxattr: promises.listxattr,
      removexattr: promises.removexattr,
      linkHandle: (handle: { link(to: string): Promise<void> }, to: string) => handle.link(to),
    },
  }) as unknown as SuiteFs
}

/** Opens the volume at `where` for the suite; after a remount it is the same volume opened again. */
export async function openVolume(where: () => Where, options: OpenOptions = {}): Promise<SuiteVolume> {
  const owner = { uid: 0, gid: 0 }
  let vive = await ViveFS.open(where(), { ...options, owner })
  return {
    get fs() {
      return suiteFs(vive.root)
    },
    as: (credentials) => suiteFs(vive.as(credentials)),
    async remount({ readOnly }) {
      await vive.close()
      vive = await ViveFS.open(where(), { ...options, owner, readOnly })
    },
    async check() {
      const { findings } = await vive.fsck()
      assert.deepEqual(findings, [], 'a clean fsck')
    },
    close: () => vive.close(),
  }
}
