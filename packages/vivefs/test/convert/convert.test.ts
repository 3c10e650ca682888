/** From level to lsm: the same volume, whatever happens on the way. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { convertVolume } from '../../src/convert/convert.ts'
import { ViveFS } from '../../src/vivefs.ts'
import { vivefs } from '../cli/terminal.ts'
import { fingerprint } from '../model/fingerprint.ts'
import { Random } from '../seed.ts'
import { anAction, attempt } from '../transaction/groups.ts'

const credentials = { uid: 0, gid: 0, groups: [], umask: 0o022 }
let directory: string
let tree: string[]
let volumeId: string

const open = (): Promise<ViveFS> => ViveFS.open(directory, { credentials, create: false })

beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'vivefs-convert-')), 'v')
  const vive = await ViveFS.open(`level:${directory}`, { credentials })
  const random = new Random(5)
  for (let n = 0; n < 300; n++) await attempt(vive.fs.promises, anAction(random))
  await vive.fs.promises.writeFile('/big', random.bytes(9_000_000))
  tree = await fingerprint(vive.fsal)
  volumeId = vive.volumeId
  await vive.close()
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }))

async function expectOn(engine: string, expected = tree): Promise<void> {
  const vive = await open()
  expect(vive.engine).toBe(engine)
  expect(vive.volumeId).toBe(volumeId)
  expect(await fingerprint(vive.fsal)).toEqual(expected)
  expect((await vive.fsck()).findings).toEqual([])
  await vive.close()
}

test('copied, compared, switched', async () => {
  const phases = new Set<string>()
  const report = await convertVolume(directory, { onProgress: ({ phase }) => phases.add(phase) })
  expect(report).toMatchObject({ converted: true, corrected: 0 })
  expect(report.bytes).toBeGreaterThan(9_000_000)
  expect([...phases]).toEqual(['copy', 'verify'])
  expect(existsSync(join(directory, 'level'))).toBe(false)
  await expectOn('lsm')
  expect(await convertVolume(directory)).toMatchObject({ converted: false })
})

test('goes on where it was stopped, and finds what was changed in between', async () => {
  for (const bytes of [1_000_000, 6_000_000]) {
    const controller = new AbortController()
    const stopped = convertVolume(directory, {
      signal: controller.signal,
      onProgress: ({ loaded }) => {
        if (loaded > bytes) controller.abort(new Error('stopped'))
      },
    })
    await expect(stopped).rejects.toThrow('stopped')
    expect(readdirSync(directory)).toContain('lsm.new')
    await expectOn('level')
  }
  const vive = await open()
  await vive.fs.promises.unlink('/big')
  await vive.fs.promises.mkdir('/later')
  await vive.settle()
  const changed = await fingerprint(vive.fsal)
  await vive.close()
  const report = await convertVolume(directory)
  expect(report.corrected).toBeGreaterThan(0)
  await expectOn('lsm', changed)
})

test('a crash around the switch leaves one volume or the other', async () => {
  const description = readFileSync(join(directory, 'vivefs.json'), 'utf8')
  await convertVolume(directory)
  // As if the rename of vivefs.json had not happened, with the old engine still there.
  renameSync(join(directory, 'lsm'), join(directory, '..', 'kept'))
  rmSync(directory, { recursive: true })
  const again = await ViveFS.open(`level:${directory}`, { credentials })
  await again.fs.promises.writeFile('/only', 'x')
  tree = await fingerprint(again.fsal)
  volumeId = again.volumeId
  await again.close()
  renameSync(join(directory, '..', 'kept'), join(directory, 'lsm'))
  await expectOn('level')
  expect(await convertVolume(directory)).toMatchObject({ converted: true })
  await expectOn('lsm')
  expect(JSON.parse(description).engine).toBe('level')
})

test('not while it is open, not where there is none; vivefs convert', async () => {
  const vive = await open()
  await expect(convertVolume(directory)).rejects.toMatchObject({ code: 'ERR_VIVEFS_LOCKED' })
  await vive.close()
  await expect(convertVolume(join(directory, 'no'))).rejects.toMatchObject({ code: 'ERR_VIVEFS_NOT_A_VOLUME' })
  const { code, out } = await vivefs('convert', directory, '--json')
  expect([code, JSON.parse(out)]).toMatchObject([0, { engine: 'lsm', converted: true }])
  await expectOn('lsm')
})
