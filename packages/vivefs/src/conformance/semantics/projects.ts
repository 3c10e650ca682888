/** Quotas of directory trees, as XFS and ext4 keep them. */
import assert from 'node:assert/strict'
import { type Area, directory, file, refuses } from '../area.ts'
import type { Case } from '../case.ts'
import { followUse, limit, limitToUse, useOf } from '../limits.ts'

const needs = ['identities', 'quotas', 'projects'] as const
const KIB = 1024

/** A number that only the suite uses. */
export const PROJECT = 46_001

const bytes = (length: number): Buffer => Buffer.alloc(length, 'x')

/** `p` is the project's; `out` is not. */
export async function plantProject(area: Area): Promise<void> {
  await area.plant({ p: directory({ mode: 0o777 }), out: file('outside', { mode: 0o666 }) })
  await area.extras().assignProject(area.path('p'), PROJECT)
  await followUse(area, 'project', PROJECT)
}

export const projects: readonly Case[] = [
  {
    name: 'everything in the tree counts for the project, whoever made it and however deep',
    needs,
    async run(area) {
      await plantProject(area)
      const before = await useOf(area, 'project', PROJECT)
      await area.as('alice').mkdir(area.path('p/a'))
      await area.promises.chmod(area.path('p/a'), 0o777)
      await area.as('bob').mkdir(area.path('p/a/b'))
      await area.as('bob').writeFile(area.path('p/a/b/f'), bytes(64 * KIB))
      await area.promises.writeFile(area.path('other'), bytes(64 * KIB))
      const { bytes: used, inodes } = await useOf(area, 'project', PROJECT)
      assert.equal(inodes - before.inodes, 3)
      assert.ok(used - before.bytes >= 64 * KIB && used - before.bytes < 96 * KIB, `${used - before.bytes} bytes`)
      await area.as('bob').unlink(area.path('p/a/b/f'))
      assert.equal((await useOf(area, 'project', PROJECT)).inodes - before.inodes, 2)
    },
  },
  {
    name: 'its limits bind who makes more of it, and nobody outside',
    needs,
    async run(area) {
      await plantProject(area)
      await area.as('alice').writeFile(area.path('p/f'), bytes(KIB))
      await limitToUse(area, 'project', PROJECT, { bytes: 32 * KIB, inodes: 1 })
      await refuses('EDQUOT', area.as('alice').appendFile(area.path('p/f'), bytes(64 * KIB)))
      await area.as('bob').mkdir(area.path('p/d'))
      await refuses('EDQUOT', area.as('alice').mkdir(area.path('p/e')))
      await area.as('bob').appendFile(area.path('out'), bytes(64 * KIB))
    },
  },
  {
    name: 'names do not cross its border, and move freely within',
    needs: [...needs, 'hardLinks'],
    async run(area) {
      await plantProject(area)
      const { promises } = area
      await promises.mkdir(area.path('p/d'))
      await promises.writeFile(area.path('p/f'), 'inside')
      const crosses = (from: string, to: string): Promise<void> =>
        refuses('EXDEV', promises.rename(area.path(from), area.path(to)), `${from} to ${to}`)
      await crosses('out', 'p/out')
      await crosses('p/f', 'f')
      await crosses('p/d', 'd')
      await refuses('EXDEV', promises.link(area.path('out'), area.path('p/out')))
      await promises.rename(area.path('p/f'), area.path('p/d/g'))
      await promises.link(area.path('p/d/g'), area.path('p/h'))
      assert.equal(await area.text('p/h'), 'inside')
      assert.deepEqual((await promises.readdir(area.path('p'))).sort(), ['d', 'h'])
      await limit(area, 'project', PROJECT, { inodesHard: 1 })
      await promises.rename(area.path('p/h'), area.path('p/d/h'))
    },
  },
]
