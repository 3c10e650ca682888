/** Reading beside the writer. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ViveFS } from '../../src/vivefs.ts'
import { fingerprint } from '../model/fingerprint.ts'
import { isDeep, seedOf, withSeed } from '../seed.ts'
import { anAction, attempt } from '../transaction/groups.ts'

const credentials = { uid: 0, gid: 0, groups: [], umask: 0o022 }
const GROUPS = isDeep ? 300 : 12

let directory: string
let writer: ViveFS
beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'vivefs-follow-')), 'v')
  writer = await ViveFS.open(`lsm:${directory}`, { credentials, changes: true })
})
afterEach(async () => {
  await writer.close()
  rmSync(join(directory, '..'), { recursive: true, force: true })
})

const follow = (everyMs = 0): Promise<ViveFS> =>
  ViveFS.open(directory, { credentials, readOnly: true, follow: { everyMs } })

test('sees what was acknowledged before a refresh, and all of it', { timeout: 120_000 }, async () => {
  await withSeed(seedOf(), async (random) => {
    const follower = await follow()
    for (let n = 0; n < GROUPS; n++) {
      for (let m = 0; m < 30; m++) await attempt(writer.fs.promises, anAction(random))
      // Now and then enough for tables and compactions.
      if (n % 4 === 3) await writer.fs.promises.writeFile(`/big${n % 3}`, random.bytes(3_000_000))
      await follower.refresh()
      expect(await fingerprint(follower.fsal), `group ${n}`).toEqual(await fingerprint(writer.fsal))
      expect(follower.space().inodes).toBe(writer.space().inodes)
      expect(follower.space().usedBytes).toBe(writer.space().usedBytes)
    }
    expect(follower.followed).toMatchObject({ refreshes: GROUPS, failure: undefined })
    await follower.close()
  })
})

test('follows by itself, says its lag, and changes nothing', async () => {
  const follower = await follow(20)
  await writer.fs.promises.mkdir('/d')
  await expect.poll(() => follower.fs.existsSync('/d')).toBe(true)
  const { lagMs, asOf } = follower.followed!
  expect(lagMs).toBeLessThan(10_000)
  expect(Math.abs(asOf.getTime() - Date.now())).toBeLessThan(10_000)
  await expect(follower.fs.promises.writeFile('/x', '')).rejects.toMatchObject({ code: 'EROFS' })
  expect(() => follower.fs.mkdirSync('/x')).toThrow(/EROFS/)
  await follower.close()
})

test('an open file goes with the writer', async () => {
  await writer.fs.promises.writeFile('/f', 'one')
  const follower = await follow()
  const handle = await follower.fs.promises.open('/f')
  await writer.fs.promises.writeFile('/f', 'two!')
  await follower.refresh()
  expect(await handle.readFile('utf8')).toBe('two!')
  await handle.close()
  await follower.close()
})

test('the change feed is followed beside the writer', async () => {
  const follower = await follow(10)
  const controller = new AbortController()
  const seen: (string | undefined)[] = []
  const reader = (async () => {
    for await (const { changes } of follower.changes({ since: 0, signal: controller.signal })) {
      seen.push(changes[0]!.path)
      if (seen.length === 5) controller.abort()
    }
  })()
  for (let n = 0; n < 5; n++) await writer.fs.promises.mkdir(`/d${n}`)
  await reader
  expect(seen).toEqual(['/d0', '/d1', '/d2', '/d3', '/d4'])
  await follower.close()
})

test('only on lsm, and only for reading', async () => {
  const option = { code: 'ERR_VIVEFS_OPTION' }
  await expect(ViveFS.open(directory, { follow: true })).rejects.toMatchObject(option)
  await expect(ViveFS.open(directory, { readOnly: true, follow: { everyMs: -1 } })).rejects.toMatchObject(option)
  const other = join(directory, '..', 'level')
  await (await ViveFS.open(`level:${other}`)).close()
  const unsupported = { code: 'ERR_VIVEFS_UNSUPPORTED' }
  await expect(ViveFS.open(other, { readOnly: true, follow: true })).rejects.toMatchObject(unsupported)
  await expect(writer.refresh()).rejects.toMatchObject(unsupported)
  const again = await ViveFS.open(`level:${other}`)
  await again.close()
})
