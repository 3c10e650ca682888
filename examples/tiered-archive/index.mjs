// A folder that ages from SSD to SMR to tape: node index.mjs [DIRECTORY] [--map FILE] [--pause SECONDS] [--restore DIRECTORY]
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Archive } from './archive.mjs'
import { ageInDays, mapPage } from './map.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    map: { type: 'string', default: 'map.html' },
    pause: { type: 'string', default: '0' },
    restore: { type: 'string' },
  },
})
const PROJECTS = ['atlas', 'brook', 'cedar', 'delta', 'ember', 'fjord']
const FILE_BYTES = 300_000
const DAYS_A_ROUND = 12
const ROUNDS = 6

const place = positionals[0] ?? './archive'
let archive = await Archive.open(place)

/** Writes the map, and a line about it. */
async function show(what, isLive) {
  const files = await archive.where(await archive.files())
  for (const file of files) file.ageDays = ageInDays(archive.nowMs, (await archive.fs.stat(file.path)).mtimeMs)
  const { media } = archive.mediaMap()
  writeFileSync(values.map, mapPage({ files, media, title: `Archive: ${what}`, isLive }))
  const counts = media.map(({ name }) => `${name} ${files.filter(({ medium }) => medium === name).length}`)
  console.log(`${what.padEnd(34)} ${counts.join(', ')}`)
}

// Every project gets a file now and then, so the files of a project lie far apart on a tape.
const before = (await archive.files()).length / PROJECTS.length
for (let round = 0; round <= ROUNDS; round++) {
  const { bytes } = await archive.letDaysPass(round === 0 ? 0 : DAYS_A_ROUND)
  for (const project of PROJECTS) {
    await archive.fs.mkdir(`/${project}`, { recursive: true })
    const path = `/${project}/take-${String(before + round).padStart(3, '0')}.raw`
    await archive.fs.writeFile(path, randomBytes(FILE_BYTES))
    const date = new Date(archive.nowMs)
    await archive.fs.utimes(path, date, date)
  }
  await show(`after ${round * DAYS_A_ROUND} days, ${(bytes / 2 ** 20).toFixed(1)} MiB moved`, round < ROUNDS)
  await delay(1000 * Number(values.pause))
}

// What somebody wants back: everything that lies on tape, once by name and once in the order in which it lies there. The archive is opened anew
// before each, so that nothing is in memory.
const wanted = (await archive.where(await archive.files())).filter(({ medium }) => medium === 'tape')
const names = wanted.map(({ path }) => path)
const target = values.restore ?? mkdtempSync(join(tmpdir(), 'restored-'))
for (const [how, paths] of [
  ['by name', names],
  ['as they lie', await archive.readOrder(names)],
]) {
  await archive.close()
  archive = await Archive.open(place)
  const start = archive.effort().tape
  await archive.restore(paths, target)
  const { seeks, minutes } = archive.effort().tape
  const took = `${seeks - start.seeks} windings of the tape, ${(minutes - start.minutes).toFixed(1)} minutes by the model of an LTO-9 drive`
  console.log(`${`${paths.length} files restored ${how}:`.padEnd(34)} ${took}`)
}
if (values.restore === undefined) rmSync(target, { recursive: true, force: true })
await archive.close()
console.log(`The map: ${values.map}`)
