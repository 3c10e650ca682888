/**
 * Data through a ladder of DRAM, directory, simulated SMR and simulated tape: every level on its medium, all of it read again, and appends only on
 * SMR and tape. Exit code 1 when one of these does not hold.
 *
 * Usage: node tools/bench.mjs ladder [MiB = 2048] [--html FILE]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Medium, openDirectory, openMemory, openSmr, openTape } from '@vivefs/media'
import { mapText } from '../src/cli/map.ts'
import { LsmLevel, ladder, type MediaMap } from '../src/index.ts'
import { mapPage } from '../src/media-map/page.ts'

const MIB = 1 << 20
const VALUE_BYTES = 1000
const BATCH = 100
const RUNGS = ['dram', 'ssd', 'smr', 'tape'] as const
/** Spreads keys over the whole range, each once. */
const STRIDE = 7_368_787

const failures: string[] = []
function check(holds: boolean, what: string): void {
  console.log(`${holds ? 'holds' : 'FAILS'}  ${what}`)
  if (!holds) failures.push(what)
}

function openMedia(directory: string): Record<(typeof RUNGS)[number], Medium> {
  return {
    dram: openMemory({ zoneCount: 128, zoneBytes: 4 * MIB }),
    ssd: openDirectory({ path: join(directory, 'ssd'), zoneBytes: 32 * MIB, zoneCount: 1024 }),
    smr: openSmr({ path: join(directory, 'smr.img'), zoneCount: 1024, zoneBytes: 16 * MIB, conventionalZones: 0 }),
    tape: openTape({ path: join(directory, 'tape.img'), zoneCount: 1024, zoneBytes: 64 * MIB }),
  }
}

const keyOf = (i: number) => `key ${String(i).padStart(12, '0')}`
const bytesOf = (i: number) => {
  const value = Buffer.alloc(VALUE_BYTES, `${i} `)
  value.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, VALUE_BYTES - 4)
  return value
}

async function fill(level: LsmLevel<string, Buffer>, count: number): Promise<void> {
  const started = performance.now()
  for (let i = 0; i < count; i += BATCH) {
    const put = (n: number) => {
      const k = Number((BigInt(i + n) * BigInt(STRIDE)) % BigInt(count))
      return { type: 'put' as const, key: keyOf(k), value: bytesOf(k) }
    }
    await level.batch(Array.from({ length: Math.min(BATCH, count - i) }, (_, n) => put(n)))
    if (i % (count / 10) < BATCH) {
      const seconds = (performance.now() - started) / 1000
      console.log(`${Math.round((100 * i) / count)} % written after ${seconds.toFixed(0)} s`)
    }
  }
}

async function quiet(level: LsmLevel<string, Buffer>): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, 100))
  while ((level.stats().compaction?.running ?? 0) > 0)
}

async function verify(level: LsmLevel<string, Buffer>, count: number): Promise<void> {
  let [i, wrong] = [0, 0]
  for await (const [key, value] of level.iterator()) {
    if (key !== keyOf(i) || !value.equals(bytesOf(i))) wrong++
    i++
  }
  check(i === count && wrong === 0, `a scan reads ${i} of ${count} entries, ${wrong} of them wrong`)
  let lost = 0
  for (let n = 0; n < 1000; n++) {
    const k = Math.floor((n * count) / 1000)
    if ((await level.get(keyOf(k)))?.equals(bytesOf(k)) !== true) lost++
  }
  check(lost === 0, `1000 point reads, ${lost} of them wrong`)
}

/** The levels that the tree has at this size: level 0 and three below, each on its rung. */
const LEVELS = [0, 4, 5, 6]

function levelsOf({ files }: MediaMap): number[] {
  const levels = files.filter(({ kind, level }) => kind === 'table' && level >= 0).map(({ level }) => level)
  return [...new Set(levels)].sort((a, b) => a - b)
}

function checkLevels(map: MediaMap): void {
  check(String(levelsOf(map)) === String(LEVELS), `the tree has the levels ${LEVELS.join(', ')}`)
  for (const [i, level] of LEVELS.entries()) {
    const tables = map.files.filter((file) => file.kind === 'table' && file.level === level)
    const elsewhere = tables.filter(({ media }) => media.length !== 1 || media[0] !== RUNGS[i])
    check(
      elsewhere.length === 0,
      `level ${level}: ${tables.length} tables on ${RUNGS[i]}, ${elsewhere.length} elsewhere`,
    )
  }
}

/** Overwrites a little, until compaction has left something in every level. */
async function fillLevels(level: LsmLevel<string, Buffer>, count: number): Promise<void> {
  for (let round = 0; round < 40 && String(levelsOf(level.map())) !== String(LEVELS); round++) {
    for (let i = 0; i < 40; i++) {
      const put = (n: number) => ({ type: 'put' as const, key: keyOf(n), value: bytesOf(n) })
      const first = Math.floor(((round * 40 + i) * count) / 1600)
      await level.batch(Array.from({ length: BATCH }, (_, n) => put(Math.min(count - 1, first + n))))
    }
    await level.flush()
    await quiet(level)
  }
}

function checkCounters(media: Readonly<Record<string, Medium>>): void {
  for (const name of ['smr', 'tape']) {
    const { caps } = media[name]!
    const { append, reset, finish, read } = media[name]!.stats().operations
    const text = `${append.count} appends of ${(append.bytes / MIB).toFixed(0)} MiB at write pointers, ${append.errors} refused`
    const rest = `${finish.count} zones finished, ${reset.count} emptied, ${(read.bytes / MIB).toFixed(0)} MiB read`
    check(append.count > 0 && append.errors === 0, `${name} (overwrite: ${caps.overwrite}): ${text}; ${rest}`)
  }
}

/** Sizes with which the tree has three levels below level 0, each of several tables. */
function sizesOf(bytes: number) {
  const baseBytes = Math.max(MIB, Math.floor(bytes / 32))
  const tableBytes = Math.ceil(baseBytes / 32)
  return {
    baseBytes,
    tableBytes,
    tableBytesMax: 4 * tableBytes,
    memtableBytes: Math.min(8 * MIB, Math.ceil(baseBytes / 4)),
  }
}

async function main(): Promise<void> {
  const [mib = '2048'] = process.argv.slice(2).filter((arg) => !arg.startsWith('--') && !arg.endsWith('.html'))
  const html = process.argv[process.argv.indexOf('--html') + 1]
  const count = Math.floor((Number(mib) * MIB) / VALUE_BYTES)
  if (!(count >= 1000)) throw new Error('Usage: node tools/bench.mjs ladder [MiB] [--html FILE]')
  const directory = mkdtempSync(join(tmpdir(), 'lsm-ladder-'))
  const media = openMedia(directory)
  const policy = ladder(RUNGS)
  const options = { media, home: ['ssd'], policy, valueEncoding: 'buffer' } as const
  try {
    const level = new LsmLevel<string, Buffer>('ladder', { ...options, ...sizesOf(Number(mib) * MIB) })
    await level.open()
    await fill(level, count)
    await level.flush()
    await quiet(level)
    await fillLevels(level, count)
    const moved = await level.relocate({ force: true })
    console.log(
      `${moved.files} tables of ${(moved.bytes / MIB).toFixed(0)} MiB lay on the rung above their level's, and were moved`,
    )
    const map = level.map()
    console.log(mapText(map))
    if (process.argv.includes('--html') && html !== undefined)
      writeFileSync(html, mapPage(map, `${mib} MiB through a ladder`))
    checkLevels(map)
    await verify(level, count)
    checkCounters(media)
    await level.close()
  } finally {
    for (const medium of Object.values(media)) await medium.close()
    rmSync(directory, { recursive: true, force: true })
  }
  console.log(failures.length === 0 ? 'all holds' : `${failures.length} of these do not hold`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

await main()
