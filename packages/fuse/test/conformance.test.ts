/**
 * The conformance suite of vivefs through the mount, with plain node:fs in processes of several people. Once with the volume's own checks
 * only, once with the kernel's before them; the second needs VIVEFS_DEEP=1.
 */
import { mkdirSync } from 'node:fs'
import { afterAll, test } from 'vitest'
import { filesystemSuite, type QuotaUse, type SuiteExtras, type SuiteFs, type SuiteVolume } from 'vivefs/conformance'
import { hasExtras, isHostUsable, openHost } from '../../vivefs/test/conformance/host.ts'
import { Bench, obstacle, type Server } from './server.ts'

const why = obstacle() ?? (isHostUsable() ? undefined : 'no mount namespaces')

/** Limits are set beside the mount. */
function withQuotas(fs: SuiteFs, server: Server): SuiteFs {
  const tell = (method: 'set' | 'get' | 'setGrace' | 'assign', ...args: unknown[]): Promise<unknown> =>
    server.tell({ order: 'quotas', method, args })
  const extras: SuiteExtras = {
    ...fs.extras,
    setQuota: async (...args) => void (await tell('set', ...args)),
    quotaUse: async (...args) => ((await tell('get', ...args)) as { used: QuotaUse }).used,
    setQuotaGrace: async (...args) => void (await tell('setGrace', ...args)),
    assignProject: async (path, id) => void (await tell('assign', path.slice(server.directory.length), id)),
  }
  return { ...fs, extras }
}

function mounted(bench: Bench, defaultPermissions: boolean): () => Promise<SuiteVolume> {
  return async () => {
    const directory = bench.path('mnt')
    mkdirSync(directory)
    const options = { defaultPermissions, entrySeconds: 0, attributeSeconds: 0 }
    const server = await bench.serve({ kind: 'calling', where: 'memory://', directory, options })
    const volume = await openHost(directory)
    return {
      ...volume,
      fs: withQuotas(volume.fs, server),
      as: (credentials) => withQuotas(volume.as!(credentials), server),
      async check() {
        const findings = (await server.tell({ order: 'fsck' })) as readonly object[]
        if (findings.length > 0) throw new Error(`fsck: ${JSON.stringify(findings.slice(0, 3))}`)
      },
      async close() {
        await volume.close()
        await server.tell({ order: 'unmount', lazy: true })
        await server.ended
      },
    }
  }
}

if (why === undefined) {
  const extras = hasExtras()
  const bench = new Bench()
  afterAll(() => bench.clean())
  for (const defaultPermissions of process.env.VIVEFS_DEEP === '1' ? [false, true] : [false]) {
    filesystemSuite({
      name: defaultPermissions ? "mount with the kernel's checks" : 'mount with its own checks',
      test,
      describe: (await import('vitest')).describe,
      open: mounted(bench, defaultPermissions),
      capabilities: {
        mknod: extras,
        renameFlags: extras,
        xattr: extras,
        acl: extras,
        locks: extras,
        linkTemporary: extras,
      },
      differences: {
        ...(defaultPermissions && {
          'access control lists: an empty mask leaves who is named nothing, even where others may':
            'where the mask is empty, Linux does not look at the list',
        }),
        'errno: rename EBUSY: / to made': 'the directory of the suite is a mount of its own: EXDEV comes first',
        'errno: rename EBUSY: empty to /': 'the directory of the suite is a mount of its own: EXDEV comes first',
      },
    })
  }
} else {
  test.skip(`conformance through a mount: ${why}`, () => {})
}
