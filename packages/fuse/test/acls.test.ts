/** Access control lists through a mount: programs of setfacl, chmod, chown, create and access answer as on the host's own filesystem. */
import { mkdirSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { type Answer, onHost, type Step } from '../../vivefs/test/rights/programs.ts'
import { randomProgram } from '../../vivefs/test/rights/random-programs.ts'
import { isDeep, seedOf, withSeed } from '../../vivefs/test/seed.ts'
import { Bench, obstacle, run, sh } from './server.ts'

const why = obstacle()
const PROGRAMS = isDeep ? 100 : 2

const differences = (programs: readonly Step[][], ext4: readonly Answer[][], ours: readonly Answer[][]): string[] =>
  programs.flatMap((program, n) =>
    program.flatMap((step, i) =>
      JSON.stringify(ext4[n]![i]) === JSON.stringify(ours[n]![i])
        ? []
        : [
            `program ${n} step ${i} ${JSON.stringify(step)}: ext4 ${JSON.stringify(ext4[n]![i])}, mount ${JSON.stringify(ours[n]![i])}`,
          ],
    ),
  )

describe.skipIf(why !== undefined)(`lists${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  const bench = new Bench()
  afterAll(() => bench.clean())

  test('the kernel checks by them, and so does the volume', async (context) => {
    const directory = bench.path('mnt')
    mkdirSync(directory)
    const server = await bench.serve({ kind: 'calling', where: 'memory://', directory })
    await withSeed(seedOf(), async (random) => {
      const programs = Array.from({ length: PROGRAMS }, () => randomProgram(random))
      const [ext4, ours] = [await onHost(programs), await onHost(programs, directory, true)]
      if (ext4 === undefined || ours === undefined) context.skip('the host cannot be asked: needs Python')
      expect(differences(programs, ext4!, ours!).slice(0, 10)).toEqual([])
    })
    expect(await server.tell({ order: 'fsck' })).toEqual([])
    await server.stop()
  }, 300_000)

  test('the volume alone checks by them', async () => {
    const directory = bench.path('own')
    mkdirSync(directory)
    const server = await bench.serve({
      kind: 'calling',
      where: 'memory://',
      directory,
      options: { defaultPermissions: false },
      volume: { owner: { uid: 0, gid: 0 } },
    })
    const acl = '0200000001000600ffffffff02000400d207000004000000ffffffff10000400ffffffff20000000ffffffff'
    await sh(
      `cd ${directory}; echo text > f; chmod 600 f; setfattr -n system.posix_acl_access -v 0x${acl} f; mkdir d; chmod 777 d`,
    )
    expect(await sh(`stat -c %a ${directory}/f; cat ${directory}/f`, { uid: 2002, gid: 2002 })).toBe('640\ntext')
    expect((await run('cat', [`${directory}/f`], { uid: 2003, gid: 2003 })).stderr).toMatch(/Permission denied/)
    // Without a default list the caller's umask counts.
    expect(await sh(`cd ${directory}/d; umask 027; mkdir e; touch g; stat -c %a e g`, { uid: 2002, gid: 2002 })).toBe(
      '750\n640',
    )
    await server.stop()
  })

  test('set and changed beside the mount: the kernel hears of it', async () => {
    const directory = bench.path('told')
    mkdirSync(directory)
    const options = { entrySeconds: 3600, attributeSeconds: 3600 }
    const server = await bench.serve({ kind: 'calling', where: 'memory://', directory, options })
    const fs = (method: string, ...args: unknown[]) => server.tell({ order: 'fs', method, args })
    await sh(`cd ${directory}; chmod 755 .; echo text > f; chmod 600 f`)
    const mayRead = async (): Promise<boolean> =>
      (await run('cat', [`${directory}/f`], { uid: 2002, gid: 2002 })).status === 0
    expect(await mayRead()).toBe(false)
    await fs('setAcl', '/f', 'u::rw,u:2002:r,g::-,o::-')
    expect(await mayRead()).toBe(true)
    await fs('setAcl', '/f', 'u::rw,u:2003:r,g::-,o::-')
    expect(await mayRead()).toBe(false)
    await server.stop()
  })
})
