/**
 * Data through a ladder of four media: every level on its medium, values beside their tables, all of it read again, and appends only on SMR
 * and tape. What the benchmark on simulators and the test on real devices share.
 */
import type { Medium } from '@vivefs/media'
import { LsmLevel, type LsmLevelOptions, ladder, type MediaMap, type MediaPolicy, single } from '../src/index.ts'

const MIB = 1 << 20
const BATCH = 100
/** How often it is told what is going on. */
const TELL_MS = 30_000
export const RUNGS = ['dram', 'ssd', 'smr', 'tape'] as const
/** Spreads keys over the whole range, each once. */
const STRIDE = 7_368_787
/** The levels that the tree has at this size: level 0 and three below, each on its rung. */
const LEVELS = [0, 4, 5, 6]

export interface LadderRun {
  readonly media: Readonly<Record<(typeof RUNGS)[number], Medium>>
  readonly bytes: number
  /** Of a small value, which lies with its key. */
  readonly valueBytes: number
  /** Of a large one, which lies apart. */
  readonly largeBytes: number
  /** One value in so many is large. */
  readonly largeEvery: number
  /** Values that are read by themselves, in the order in which they lie; Infinity: all of them. */
  readonly pointReads: number
  /** Reads everything in the order of keys too: large values lie in another order, so that a real tape would wind for each. */
  readonly scans: boolean
  /** A file with values ends at this; default a memtable, and at least 1 MiB. */
  readonly logBytes?: number
  /** Fewer and longer files, where every file costs more than what is in it. */
  readonly longFiles?: boolean
  /**
   * Writes everything on the second rung, then opens the database anew with the ladder as its policy, and moves what is there: files go to tape one
   * behind the other, and no compaction winds it back and forth.
   */
  readonly ladderLater?: boolean
  /** Where the worker's code is; default beside this code. */
  readonly worker?: URL
  readonly say: (text: string) => void
}

/** One thing that has to hold. */
export interface LadderCheck {
  readonly holds: boolean
  readonly what: string
}

export interface LadderResult {
  readonly checks: readonly LadderCheck[]
  readonly entries: number
  readonly seconds: number
  readonly map: MediaMap
}

const keyOf = (i: number) => `key ${String(i).padStart(12, '0')}`

class Ladder {
  readonly #run: LadderRun
  readonly #count: number
  readonly #options: LsmLevelOptions<string, Buffer>
  #level: LsmLevel<string, Buffer>
  readonly #checks: LadderCheck[] = []

  constructor(run: LadderRun) {
    const { bytes, valueBytes, largeBytes, largeEvery, media } = run
    this.#run = run
    this.#count = Math.floor(bytes / (valueBytes + largeBytes / largeEvery))
    const sizes = sizesOf(this.#count * valueBytes, run.longFiles === true)
    const logBytes = run.logBytes ?? sizes.logBytes
    this.#options = { media, home: ['ssd'], valueEncoding: 'buffer', ...sizes, logBytes, worker: run.worker }
    this.#level = this.#with(run.ladderLater === true ? single('ssd') : ladder(RUNGS))
  }

  #with(policy: MediaPolicy): LsmLevel<string, Buffer> {
    return new LsmLevel<string, Buffer>('ladder', { ...this.#options, policy })
  }

  async through(): Promise<LadderResult> {
    const started = performance.now()
    await this.#level.open()
    const telling = setInterval(() => this.#run.say(this.#state()), TELL_MS)
    try {
      await this.#fill()
      await this.#level.flush()
      await this.#quiet()
      if (this.#run.ladderLater === true) await this.#climb()
      await this.#fillLevels()
      const level = this.#level
      const moved = await level.relocate({ force: true })
      const size = (moved.bytes / MIB).toFixed(0)
      this.#run.say(`${moved.files} files of ${size} MiB lay on the rung above their level's, and were moved`)
      const map = level.map()
      this.#checkLevels(map)
      await this.#checkValues(map)
      await this.#verify()
      this.#checkCounters()
      return { checks: this.#checks, entries: this.#count, seconds: (performance.now() - started) / 1000, map }
    } finally {
      clearInterval(telling)
      await this.#level.close()
    }
  }

  /** From one medium onto the ladder. */
  async #climb(): Promise<void> {
    await this.#fillLevels()
    const tables = this.#level.stats().levels.map(({ tables: count }) => count)
    await this.#level.close()
    this.#level = this.#with(ladder(RUNGS))
    await this.#level.open()
    const { files, bytes } = await this.#level.relocate({ force: true })
    const what = `tables by level ${tables.join(' ')} on ssd; with the ladder ${files} files of ${(bytes / MIB).toFixed(0)} MiB moved`
    this.#run.say(what)
  }

  /** What is going on, for who waits. */
  #state(): string {
    const { levels, compaction, media } = this.#level.stats()
    const sizes = levels.map(({ tables }) => tables).join(' ')
    const moved = media.map(({ name, traffic }) => `${name} ${((traffic.move?.written ?? 0) / MIB).toFixed(0)}`)
    const held = compaction?.heldUp === undefined ? '' : `; held up: ${compaction.heldUp}`
    return `... tables by level ${sizes}, ${compaction?.running} jobs, MiB moved to ${moved.join(', ')}${held}`
  }

  #check(holds: boolean, what: string): void {
    this.#run.say(`${holds ? 'holds' : 'FAILS'}  ${what}`)
    this.#checks.push({ holds, what })
  }

  #valueOf(i: number): Buffer {
    const { valueBytes, largeBytes, largeEvery } = this.#run
    const bytes = i % largeEvery === 0 ? largeBytes : valueBytes
    const value = Buffer.alloc(bytes, `${i} `)
    value.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, bytes - 4)
    return value
  }

  #put(i: number): { type: 'put'; key: string; value: Buffer } {
    return { type: 'put', key: keyOf(i), value: this.#valueOf(i) }
  }

  async #fill(): Promise<void> {
    const started = performance.now()
    const count = this.#count
    for (let i = 0; i < count; i += BATCH) {
      const key = (n: number) => Number((BigInt(i + n) * BigInt(STRIDE)) % BigInt(count))
      await this.#level.batch(Array.from({ length: Math.min(BATCH, count - i) }, (_, n) => this.#put(key(n))))
      if (i % (count / 10) >= BATCH) continue
      const seconds = (performance.now() - started) / 1000
      this.#run.say(`${Math.round((100 * i) / count)} % written after ${seconds.toFixed(0)} s`)
    }
  }

  async #quiet(): Promise<void> {
    do await new Promise((resolve) => setTimeout(resolve, 100))
    while ((this.#level.stats().compaction?.running ?? 0) > 0)
  }

  /** Overwrites a little, until compaction has left something in every level. */
  async #fillLevels(): Promise<void> {
    const level = this.#level
    const count = this.#count
    const batches = Math.min(40, Math.ceil(count / 4000))
    for (let round = 0; round < 40 && !isSpread(level.map()); round++) {
      for (let i = 0; i < batches; i++) {
        const first = Math.floor(((round * batches + i) * count) / (40 * batches))
        await level.batch(Array.from({ length: BATCH }, (_, n) => this.#put(Math.min(count - 1, first + n))))
      }
      await level.flush()
      await this.#quiet()
    }
  }

  #checkLevels(map: MediaMap): void {
    this.#check(String(levelsOf(map)) === String(LEVELS), `the tree has the levels ${LEVELS.join(', ')}`)
    for (const [i, level] of LEVELS.entries()) {
      const tables = map.files.filter((file) => file.kind === 'table' && file.level === level)
      const elsewhere = tables.filter(({ media }) => media.length !== 1 || media[0] !== RUNGS[i])
      const what = `level ${level}: ${tables.length} tables on ${RUNGS[i]}, ${elsewhere.length} elsewhere`
      this.#check(elsewhere.length === 0, what)
    }
  }

  async #checkValues({ files }: MediaMap): Promise<void> {
    const values = files.filter(({ holdsValues }) => holdsValues)
    const on = (rung: string) => values.filter(({ media }) => media.length === 1 && media[0] === rung).length
    const places = RUNGS.map((rung) => `${on(rung)} on ${rung}`).join(', ')
    const sound = on('dram') === 0 && on('tape') > 0
    this.#check(sound, `${values.length} files with values, which were written once: ${places}`)
    const { files: restless } = await this.#level.relocate({ force: true })
    this.#check(restless === 0, `${restless} files want to be elsewhere`)
  }

  async #verify(): Promise<void> {
    const count = this.#count
    const { scans } = this.#run
    let [i, wrong] = [0, 0]
    for await (const [key, value] of this.#level.iterator({ values: scans })) {
      if (key !== keyOf(i) || (scans && !value.equals(this.#valueOf(i)))) wrong++
      i++
    }
    const what = scans ? 'entries' : 'keys'
    this.#check(i === count && wrong === 0, `a scan reads ${i} of ${count} ${what}, ${wrong} of them wrong`)
    const pointReads = Math.min(count, this.#run.pointReads)
    let lost = 0
    for (const k of await this.#asTheyLie(pointReads)) {
      if ((await this.#level.get(keyOf(k)))?.equals(this.#valueOf(k)) !== true) lost++
    }
    this.#check(lost === 0, `${pointReads} point reads, ${lost} of them wrong`)
  }

  /** Some numbers of keys, in the order of their places. */
  async #asTheyLie(some: number): Promise<number[]> {
    const found: { k: number; at: string }[] = []
    for (let n = 0; n < some; n++) {
      const k = Math.floor((n * this.#count) / some)
      const place = await this.#level.locate(keyOf(k))
      found.push({ k, at: `${place?.medium} ${String(place?.position).padStart(15, '0')}` })
    }
    return found.sort((a, b) => (a.at < b.at ? -1 : 1)).map(({ k }) => k)
  }

  #checkCounters(): void {
    for (const name of ['smr', 'tape'] as const) {
      const { caps } = this.#run.media[name]
      const { append, reset, finish, read } = this.#run.media[name].stats().operations
      const text = `${append.count} appends of ${(append.bytes / MIB).toFixed(0)} MiB at write pointers, ${append.errors} refused`
      const rest = `${finish.count} zones finished, ${reset.count} emptied, ${(read.bytes / MIB).toFixed(0)} MiB read`
      this.#check(append.count > 0 && append.errors === 0, `${name} (overwrite: ${caps.overwrite}): ${text}; ${rest}`)
    }
  }
}

/** All levels are in use, and level 0 is all where the policy has it: it is not moved, but compacted. */
function isSpread(map: MediaMap): boolean {
  const wanted = map.policy?.startsWith('ladder') === true ? RUNGS[0] : 'ssd'
  const inPlace = map.files.every(({ kind, level, media }) => kind !== 'table' || level !== 0 || media[0] === wanted)
  return inPlace && String(levelsOf(map)) === String(LEVELS)
}

function levelsOf({ files }: MediaMap): number[] {
  const levels = files.filter(({ kind, level }) => kind === 'table' && level >= 0).map(({ level }) => level)
  return [...new Set(levels)].sort((a, b) => a - b)
}

/** The first of the three levels below level 0 holds a hundredth of what the last one does, and a table of it has to be less, or it would stay empty. */
const FIRST_LEVEL_PART = 1 / 100
const TABLE_PART = 3 / 4

/** Sizes with which the tree has three levels below level 0, each of several tables; `longFiles`: the first of one. */
function sizesOf(bytes: number, longFiles: boolean) {
  const baseBytes = Math.max(MIB / 8, Math.floor(bytes / 32))
  const tableBytes = Math.ceil(longFiles ? bytes * FIRST_LEVEL_PART * TABLE_PART : baseBytes / 32)
  const memtableBytes = Math.min(8 * MIB, Math.ceil(baseBytes / (longFiles ? 1 : 4)))
  return { baseBytes, tableBytes, tableBytesMax: 4 * tableBytes, memtableBytes, logBytes: Math.max(MIB, memtableBytes) }
}

/** Writes, moves, looks and reads. The media stay the caller's. */
export function throughLadder(run: LadderRun): Promise<LadderResult> {
  return new Ladder(run).through()
}

/** What of a result is kept as evidence: without the single files. */
export function evidenceOf({ checks, entries, seconds, map }: LadderResult): object {
  const row = (has: (file: MediaMap['files'][number]) => boolean) =>
    Object.fromEntries(
      map.media.flatMap(({ name }) => {
        const here = map.files.filter((file) => has(file) && file.media[0] === name)
        const bytes = here.reduce((sum, file) => sum + file.bytes, 0)
        return here.length === 0 ? [] : [[name, { files: here.length, bytes }]]
      }),
    )
  const levels = Object.fromEntries(
    LEVELS.map((n) => [`level ${n}`, row(({ kind, level }) => kind === 'table' && level === n)]),
  )
  const rows = { values: row(({ holdsValues }) => holdsValues), ...levels }
  const traffic = Object.fromEntries(map.media.map((medium) => [medium.name, medium.traffic]))
  return { policy: map.policy, entries, seconds: Math.round(seconds), checks, rows, traffic }
}
