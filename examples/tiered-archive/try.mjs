// Tries the archive: files age onto the media of their age, what somebody reads stays readable from there, a restore in order winds less, byte for byte.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { held, withFolder } from '@vivefs-examples/try'
import { Archive } from './archive.mjs'
import { mapPage } from './map.mjs'

const PROJECTS = ['atlas', 'brook', 'cedar', 'delta']

/** Files of several rounds, twelve days apart; answers their contents by path. */
async function fill(archive) {
  const contents = new Map()
  for (let round = 0; round < 6; round++) {
    await archive.letDaysPass(round === 0 ? 0 : 12)
    for (const project of PROJECTS) {
      const path = `/${project}/take-${round}.raw`
      contents.set(path, randomBytes(200_000))
      await archive.fs.mkdir(`/${project}`, { recursive: true })
      await archive.fs.writeFile(path, contents.get(path))
    }
  }
  return contents
}

const EXPECTED = { 0: 'tape', 1: 'tape', 2: 'tape', 3: 'smr', 4: 'smr', 5: 'ssd' }

/** In a fresh archive nothing is in memory; answers how often the tape was wound. */
async function restoreCold(place, target, order) {
  const archive = await Archive.open(place)
  const paths = (await archive.where(await archive.files())).filter(({ medium }) => medium === 'tape')
  const names = paths.map(({ path }) => path)
  const before = archive.effort().tape.seeks
  await archive.restore(order === 'tape' ? await archive.readOrder(names) : names, target)
  const seeks = archive.effort().tape.seeks - before
  await archive.close()
  return { names, seeks }
}

await withFolder(async (folder) => {
  const place = join(folder, 'archive')
  const archive = await Archive.open(place)
  const contents = await fill(archive)
  const files = await archive.where(await archive.files())
  for (const { path, medium } of files) assert.equal(medium, EXPECTED[/take-(\d)/.exec(path)[1]], path)
  held(`${files.length} files lie where their age says: ssd, smr, tape`)

  const page = mapPage({ files, media: archive.mediaMap().media, title: 'a <b> & c', isLive: true })
  assert.equal(page.split('title="/atlas/').length - 1, 6)
  assert.ok(page.includes('a &lt;b> &amp; c'))
  held('the map has a square for each of them')
  await archive.close()

  const byName = await restoreCold(place, join(folder, 'by-name'), 'name')
  const inOrder = await restoreCold(place, join(folder, 'in-order'), 'tape')
  assert.equal(byName.names.length, 12)
  assert.ok(inOrder.seeks < byName.seeks, `${inOrder.seeks} windings in order, ${byName.seeks} by name`)
  for (const path of byName.names)
    assert.ok(readFileSync(join(folder, 'in-order', path)).equals(contents.get(path)), path)
  held(`12 files came back from tape with ${inOrder.seeks} windings, by name it took ${byName.seeks}`)

  const again = await Archive.open(place)
  await again.letDaysPass(400)
  assert.deepEqual(new Set((await again.where(await again.files())).map(({ medium }) => medium)), new Set(['tape']))
  for (const [path, bytes] of contents) assert.ok((await again.fs.readFile(path)).equals(bytes), path)
  assert.deepEqual((await again.fsck()).findings, [])
  await again.close()
  held('a year later everything is on tape and reads the same; the archive is clean')
})
