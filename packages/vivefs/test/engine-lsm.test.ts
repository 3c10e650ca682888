/** Volumes on lsm: every call works synchronously, and the directory says which engine it belongs to. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ViveFS } from 'vivefs'

let folder: string
let directory: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivefs-lsm-'))
  directory = join(folder, 'volume')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('synchronous calls change, list and read, with the default durability', async () => {
  const vive = await ViveFS.open(`lsm:${directory}`)
  const { fs } = vive
  fs.mkdirSync('/a/b', { recursive: true })
  fs.writeFileSync('/a/b/one', 'first')
  fs.appendFileSync('/a/b/one', ', second')
  fs.symlinkSync('b/one', '/a/link')
  fs.linkSync('/a/b/one', '/a/two')
  fs.renameSync('/a/two', '/a/three')
  expect(fs.readdirSync('/a').sort()).toEqual(['b', 'link', 'three'])
  expect(fs.readFileSync('/a/link', 'utf8')).toBe('first, second')
  expect(fs.statSync('/a/three').nlink).toBe(2)
  const big = Buffer.alloc(1_000_000, 'pattern')
  fs.writeFileSync('/big', big)
  fs.truncateSync('/big', 70_000)
  expect(fs.readFileSync('/big').equals(big.subarray(0, 70_000))).toBe(true)
  fs.rmSync('/a', { recursive: true })
  expect(fs.readdirSync('/')).toEqual(['big'])
  await vive.close()
})

test('the directory names its engine: it opens without a prefix, and not as another', async () => {
  const vive = await ViveFS.open(`lsm:${directory}`)
  expect(vive.engine).toBe('lsm')
  vive.fs.writeFileSync('/kept', 'text')
  await vive.close()
  expect(JSON.parse(readFileSync(join(directory, 'vivefs.json'), 'utf8'))).toMatchObject({ engine: 'lsm' })
  await expect(ViveFS.open(`level:${directory}`)).rejects.toMatchObject({ code: 'ERR_VIVEFS_ENGINE' })
  const again = await ViveFS.open(directory, { create: false })
  expect(again.engine).toBe('lsm')
  expect(again.fs.readFileSync('/kept', 'utf8')).toBe('text')
  expect((await again.fsck()).findings).toEqual([])
  await again.close()
})

test('a second writer is told who has it', async () => {
  const vive = await ViveFS.open(`lsm:${directory}`)
  const refused = await ViveFS.open(directory).then(
    () => undefined,
    (error) => error,
  )
  expect(refused).toMatchObject({ code: 'ERR_VIVEFS_LOCKED', holder: { pid: process.pid } })
  await vive.close()
})
