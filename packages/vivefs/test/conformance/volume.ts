/** Volumes of vivefs as the suite takes them. */

import assert from 'node:assert/strict'
import { type OpenOptions, type View, type ViveFileSystem, ViveFS, type Where } from 'vivefs'
import type { QuotaUse, SuiteExtras, SuiteFs, SuiteLocker, SuiteVolume } from 'vivefs/conformance'

type FileHandle = Awaited<ReturnType<ViveFileSystem['promises']['open']>>

/** An open file whose byte ranges belong to the session of its view. */
function lockerOf(file: FileHandle, session: string): SuiteLocker {
  return {
    owner: session,
    lock: (request) => file.lock({ ...request, owner: 'session' }),
    unlock: (range) => file.unlock({ ...range, owner: 'session' }),
    async test({ type, start, length }) {
      const found = await file.testLock({ type, start, length, owner: 'session' })
      if (found === undefined) return undefined
      return { type: found.type, start: found.start, length: found.length, owner: found.owner.session }
    },
    flock: (operation, options = {}) => file.flock(operation, options),
    close: () => file.close(),
  }
}

function extrasOf(vive: ViveFS, { promises }: View['fs'], session: string): SuiteExtras {
  return {
    mknod: promises.mknod,
    rename: promises.rename,
    getxattr: promises.getxattr,
    setxattr: (path, name, value, mode = 'any', target = {}) =>
      promises.setxattr(path, name, value, { mode, ...target }),
    listxattr: promises.listxattr,
    removexattr: promises.removexattr,
    linkHandle: (handle, to) => (handle as unknown as FileHandle).link(to),
    openLocker: async (path, flags) => lockerOf(await promises.open(path, flags), session),
    setQuota: (kind, id, limits) => vive.quotas.set(kind, id, limits),
    quotaUse: async (kind, id): Promise<QuotaUse> => vive.quotas.get(kind, id).used,
    setQuotaGrace: (kind, grace) => vive.quotas.setGrace(kind, grace),
    assignProject: async (path, id) => void (await vive.quotas.assign(path, id)),
  }
}

/** A view of a volume with what node:fs has no name for. */
function suiteFs(vive: ViveFS, { fs }: View, session: string): SuiteFs {
  const extras = extrasOf(vive, fs, session)
  return Object.assign(Object.create(fs) as typeof fs, { extras }) as unknown as SuiteFs
}

/** Opens the volume at `where` for the suite; after a remount it is the same volume opened again. */
export async function openVolume(where: () => Where, options: OpenOptions = {}): Promise<SuiteVolume> {
  const owner = { uid: 0, gid: 0 }
  let vive = await ViveFS.open(where(), { ...options, owner })
  return {
    get fs() {
      return suiteFs(vive, vive.root, '')
    },
    as(credentials) {
      const session = `person ${credentials.uid}`
      return suiteFs(vive, vive.as({ ...credentials, session }), session)
    },
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
