/**
 * A mixed life in a directory of a mount: `node mixer.mjs DIR SEED`, until SIGTERM. Few files, changed in every way and read back; what is read has to be
 * what a model in memory says. Says `{ operations, bytes }` at its end; ends with 1 and the fault when content differs.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const FILES = 64
const FILE_BYTES_MAX = 400_000
/** Other work on the machine gets its turn. */
const PAUSE_MS = 4
const OPERATIONS_BETWEEN = 16

const [, , directory, seedText] = process.argv
let state = Number(seedText) >>> 0
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

const base = join(directory, `mixed-${seedText}`)
mkdirSync(base)
/** What each name holds. */
const model = new Map()
let operations = 0
let bytes = 0
const path = (name) => join(base, name)
const anyName = () => `f${random(FILES)}`
const piece = (length) => Buffer.alloc(length, `${random(2 ** 31)}`)

function writeAt(name, at, data, isSynced) {
  const file = openSync(path(name), existsSync(path(name)) ? 'r+' : 'w')
  writeSync(file, data, 0, data.length, at)
  if (isSynced) fsyncSync(file)
  closeSync(file)
  const before = model.get(name) ?? Buffer.alloc(0)
  const after = Buffer.alloc(Math.max(before.length, at + data.length))
  before.copy(after)
  data.copy(after, at)
  model.set(name, after)
  bytes += data.length
}

function check(name) {
  const found = readFileSync(path(name))
  bytes += found.length
  if (!found.equals(model.get(name))) throw new Error(`${name}: other content after ${operations} operations`)
  if (statSync(path(name)).size !== found.length) throw new Error(`${name}: another size`)
}

/** Each of them is as likely as it is often in the list. */
const kinds = [
  (name) => {
    const data = piece(random(FILE_BYTES_MAX))
    writeFileSync(path(name), data)
    model.set(name, data)
    bytes += data.length
  },
  (name) => writeAt(name, random(FILE_BYTES_MAX), piece(1 + random(9000)), false),
  (name) => writeAt(name, random(FILE_BYTES_MAX), piece(1 + random(70_000)), random(4) === 0),
  (name) => model.has(name) && check(name),
  (name) => model.has(name) && check(name),
  (name) => model.has(name) && check(name),
  (name) => {
    if (!model.has(name)) return
    const size = random(FILE_BYTES_MAX)
    truncateSync(path(name), size)
    const cut = Buffer.alloc(size)
    model.get(name).copy(cut)
    model.set(name, cut)
  },
  (name) => {
    if (!model.has(name)) return
    const to = anyName()
    renameSync(path(name), path(to))
    if (to === name) return
    model.set(to, model.get(name))
    model.delete(name)
  },
  (name) => {
    if (!model.has(name)) return
    unlinkSync(path(name))
    model.delete(name)
  },
  (name) => {
    if (!model.has(name)) return
    linkSync(path(name), path('hard'))
    unlinkSync(path('hard'))
    copyFileSync(path(name), path('copy'))
    if (!readFileSync(path('copy')).equals(model.get(name))) throw new Error(`a copy of ${name} differs`)
    unlinkSync(path('copy'))
  },
  () => {
    const there = readdirSync(base).sort().join()
    if (there !== [...model.keys()].sort().join()) throw new Error(`other names: ${there}`)
  },
  () => {
    mkdirSync(path('tree/a/b'), { recursive: true })
    for (let i = 0; i < 20; i++) writeFileSync(path(`tree/a/b/${i}`), `${i}`)
    rmSync(path('tree'), { recursive: true })
  },
]

let isOver = false
process.once('SIGTERM', () => {
  isOver = true
})
while (!isOver) {
  for (let i = 0; i < OPERATIONS_BETWEEN; i++, operations++) kinds[random(kinds.length)](anyName())
  await sleep(PAUSE_MS)
}
for (const name of model.keys()) check(name)
rmSync(base, { recursive: true })
process.stdout.write(JSON.stringify({ operations, bytes }))
