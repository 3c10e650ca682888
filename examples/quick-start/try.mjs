// Tries the quick start: both programs twice, in a fresh folder; the map names both media and draws them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { held, run, withFolder } from '@vivefs-examples/try'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const vivelsm = join(dirname(createRequire(import.meta.url).resolve('@vivefs/lsm/package.json')), 'bin/vivelsm.js')
const node = (args, folder) => run(process.execPath, args, { cwd: folder })

await withFolder(async (folder) => {
  const first = await node([here('index.mjs')], folder)
  assert.match(first, /- try ViveFS\n \[ 'first\.md', 'today\.md' \]/)
  assert.match(await node([here('index.mjs')], folder), /it was there already/)
  held('ten lines: written, read, and still there the second time')

  for (let times = 0; times < 2; times++)
    assert.match(await node([here('tiers.mjs')], folder), /600 photos\n(ssd .*\n)+/)
  const mapped = ['map', 'tiers', '--media', 'first-tiers/media.json']
  const map = JSON.parse(await node([vivelsm, ...mapped, '--json'], folder))
  const mediaOf = (kind) => new Set(map.files.filter((file) => file.kind === kind).flatMap(({ media }) => media))
  assert.deepEqual(mediaOf('log'), new Set(['ssd']))
  assert.ok(mediaOf('table').has('smr'))
  held(
    `the same on tiers: ${map.files.length} files of the database on ${map.media.map(({ name }) => name).join(' and ')}`,
  )

  await node([vivelsm, ...mapped, '--html', 'map.html'], folder)
  const page = readFileSync(join(folder, 'map.html'), 'utf8')
  for (const name of ['ssd', 'smr']) assert.ok(page.includes(`>${name}<`))
  held('vivelsm map draws it as a page')
})
