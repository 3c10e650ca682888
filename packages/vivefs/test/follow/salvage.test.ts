/** Reading what is left of a damaged volume. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LsmLevel } from '@vivefs/lsm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { countersKey, superblockKey } from '../../src/format/keys.ts'
import { ViveFS } from '../../src/vivefs.ts'

const credentials = { uid: 0, gid: 0, groups: [], umask: 0o022 }

let directory: string
beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'vivefs-salvage-')), 'v')
  const vive = await ViveFS.open(`lsm:${directory}`, { credentials })
  await vive.fs.promises.mkdir('/d/e', { recursive: true })
  for (let n = 0; n < 300; n++) await vive.fs.promises.writeFile(`/d/e/f${n}`, `content ${n}`)
  await vive.fs.promises.symlink('e/f7', '/d/l')
  await vive.close()
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }))

async function damage(...keys: Uint8Array[]): Promise<void> {
  const database = new LsmLevel<Uint8Array, Uint8Array>(join(directory, 'lsm'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  await database.open()
  for (const key of keys) await database.put(key, Buffer.from('damaged'))
  await database.close()
}

const salvage = (): Promise<ViveFS> => ViveFS.open(directory, { credentials, readOnly: true, salvage: true })

test('without superblock and counters', async () => {
  await damage(superblockKey, countersKey)
  await expect(ViveFS.open(directory)).rejects.toMatchObject({ code: 'ERR_VIVEFS_CORRUPTION' })
  await expect(ViveFS.open(directory, { salvage: true })).rejects.toMatchObject({ code: 'ERR_VIVEFS_CORRUPTION' })
  const vive = await salvage()
  expect(vive.lost.length).toBe(2)
  expect(vive.lost[0]).toMatch(/^the superblock/)
  expect(vive.lost[1]).toMatch(/^the counters/)
  expect((await vive.fs.promises.readdir('/d/e')).length).toBe(300)
  expect(await vive.fs.promises.readFile('/d/l', 'utf8')).toBe('content 7')
  expect(vive.fs.readFileSync('/d/e/f299', 'utf8')).toBe('content 299')
  expect(vive.fs.existsSync('/d/e/none')).toBe(false)
  expect(vive.fs.statSync('/d/e/f1').size).toBe(9)
  await expect(vive.fs.promises.writeFile('/x', '')).rejects.toMatchObject({ code: 'EROFS' })
  await vive.close()
})

test('a sound volume has lost nothing', async () => {
  const vive = await salvage()
  expect(vive.lost).toEqual([])
  expect(await vive.fs.promises.readFile('/d/e/f5', 'utf8')).toBe('content 5')
  await vive.close()
})

test('with damaged bytes in the files of the database: what is there is right, what is gone is said', async () => {
  const place = join(directory, 'lsm')
  const files = readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size > 0)
  let opened = 0
  for (const path of files) {
    const sound = readFileSync(path)
    // Where there is data: preallocated space behind it is no part of anything.
    let end = sound.length
    while (end > 0 && sound[end - 1] === 0) end--
    if (end < 5000) continue
    const broken = Buffer.from(sound)
    broken.fill(0xa5, end - 3000, end - 2900)
    writeFileSync(path, broken)
    const vive = await salvage().catch((error: { code: string }) => {
      expect(error.code).toMatch(/^ERR_VIVEFS_/)
      return undefined
    })
    if (vive !== undefined) {
      opened++
      let right = 0
      for (let n = 0; n < 300; n++) {
        const text = await vive.fs.promises.readFile(`/d/e/f${n}`, 'utf8').catch((error: { code: string }) => {
          expect(error.code).toMatch(/^(EIO|ENOENT|ENOTDIR|ESTALE)$/)
          return undefined
        })
        if (text === undefined) continue
        expect(text).toBe(`content ${n}`)
        right++
      }
      if (right < 300) expect(vive.lost.length).toBeGreaterThan(0)
      await vive.close()
    }
    writeFileSync(path, sound)
  }
  expect(opened).toBeGreaterThan(0)
})
