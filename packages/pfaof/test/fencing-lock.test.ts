import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory } from '@vivefs/media'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Volume } from '../src/index.ts'
import { compileSources } from './compiled.ts'
import { type Acknowledged, missing, work } from './stall.ts'

/**
 * Two processes and one medium that its lock guards. The first stops itself (SIGSTOP) before its nth media operation; the second is
 * refused by the name of the first. Then the first is killed and the second takes over; or a person removes the lock, the second takes
 * over, and the first wakes up and goes on. Nothing acknowledged by either is lost. VIVEFS_DEEP=1: every n up to 200; VIVEFS_CUT=n: one.
 */
const SCHEDULES = 200
const ONLY = process.env.VIVEFS_CUT === undefined ? undefined : Number(process.env.VIVEFS_CUT)
const STEPS =
  ONLY !== undefined
    ? [ONLY]
    : Array.from({ length: SCHEDULES }, (_, i) => i + 1).filter((n) => process.env.VIVEFS_DEEP === '1' || n % 41 === 7)

const SHAPE = { zoneCount: 24, zoneBytes: 64 << 10, preallocateBytes: 16 << 10 }

/** Works on the volume and says what it acknowledged; stops itself before its nth media operation. */
const WRITER = `
  import { writeSync } from 'node:fs'
  import { openDirectory } from '@vivefs/media'
  import { Volume } from './src/index.js'
  import { work } from './test/stall.js'
  const [path, nth] = process.argv.slice(2)
  const say = (...line) => writeSync(1, JSON.stringify(line) + '\\n')
  const medium = openDirectory({ path })
  let left = Number(nth)
  for (const name of ['append', 'appendSync', 'read', 'readSync', 'flush', 'flushSync', 'reset', 'resetSync', 'finish', 'finishSync', 'report']) {
    const before = medium[name]
    if (before === undefined) continue
    medium[name] = (...args) => {
      if (--left === 0) process.kill(process.pid, 'SIGSTOP')
      return before.apply(medium, args)
    }
  }
  const acknowledged = { set: (name, text) => say('set', name, text), delete: (name) => say('delete', name) }
  try {
    const volume = await Volume.open({ media: { o: medium }, holder: 'one' })
    await work(volume, 'a', 30, acknowledged)
    await volume.close()
    say('end', '')
  } catch (error) {
    say('end', error.code ?? String(error))
  }
  await medium.close()`

let compiled = ''
const root = mkdtempSync(join(tmpdir(), 'pfaof-lock-'))
beforeAll(() => {
  compiled = compileSources(['stall.ts'])
  writeFileSync(join(compiled, 'writer.js'), WRITER)
}, 120_000)
afterAll(() => {
  rmSync(compiled, { recursive: true, force: true })
  rmSync(root, { recursive: true, force: true })
})

interface First {
  readonly child: ChildProcess
  /** What it said, complete once `exited`. */
  readonly said: string[]
  readonly exited: Promise<unknown>
  /** False: it came to its end before. */
  readonly stopped: boolean
}

async function startFirst(path: string, nth: number): Promise<First> {
  const child = spawn(process.execPath, [join(compiled, 'writer.js'), path, String(nth)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: string[] = []
  child.stdout!.on('data', (data: Buffer) => said.push(data.toString()))
  let gone = false
  const exited = once(child, 'close').then(() => {
    gone = true
  })
  const stopped = (): boolean => {
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
  }
  while (!gone && existsSync(`/proc/${child.pid}/stat`) && !stopped())
    await new Promise((resolve) => setTimeout(resolve, 3))
  return { child, said, exited, stopped: !gone && existsSync(`/proc/${child.pid}/stat`) && stopped() }
}

/** Applies what the first writer said; answers how it ended, undefined when it was cut off. */
function heard(said: readonly string[], acknowledged: Acknowledged): string | undefined {
  let end: string | undefined
  for (const line of said.join('').split('\n')) {
    if (line === '') continue
    const [what, name, text] = JSON.parse(line) as [string, string, string]
    if (what === 'set') acknowledged.set(name, text)
    else if (what === 'delete') acknowledged.delete(name)
    else end = name
  }
  return end
}

type Fate = 'killed' | 'woken under a broken lock'

/** Runs one schedule; false when the first came to its end before it was to stop. */
async function schedule(nth: number, fate: Fate, counts: { refused: number }): Promise<boolean> {
  const path = join(root, `${fate[0]}${nth}`)
  const made = openDirectory({ path, ...SHAPE })
  await (await Volume.create({ media: { o: made } })).close()
  await made.close()
  const first = await startFirst(path, nth)
  try {
    if (!first.stopped) return false
    expect(() => openDirectory({ path })).toThrow(new RegExp(`MEDIA_LOCKED.*process ${first.child.pid} `))
    counts.refused++
    if (fate === 'killed') {
      first.child.kill('SIGKILL')
      await first.exited
    } else unlinkSync(join(path, 'medium.lock'))
    const acknowledged: Acknowledged = new Map()
    const medium = openDirectory({ path })
    const two = await Volume.open({ media: { o: medium }, holder: 'two' })
    await work(two, 'b', 6, acknowledged)
    first.child.kill('SIGCONT')
    await work(two, 'c', 6, acknowledged)
    await first.exited
    await work(two, 'd', 3, acknowledged)
    await two.close()
    await medium.close()
    const end = heard(first.said, acknowledged)
    if (fate === 'killed') expect(end).toBeUndefined()
    else expect(end, 'the first learns that it lost the lock').toMatch(/^PFAOF_/)
    const third = openDirectory({ path })
    expect(await missing(third, acknowledged), `VIVEFS_CUT=${nth}, ${fate}, ended with ${end}`).toEqual([])
    await third.close()
    return true
  } finally {
    first.child.kill('SIGKILL')
    await first.exited
    rmSync(path, { recursive: true, force: true })
  }
}

describe.skipIf(!existsSync('/proc/self/stat'))('two writers and a lock', () => {
  for (const fate of ['killed', 'woken under a broken lock'] as const) {
    test(`the first stopped at every step and ${fate}: 0 acknowledged and lost`, { timeout: 900_000 }, async () => {
      const counts = { refused: 0 }
      let schedules = 0
      for (const nth of STEPS) {
        if (!(await schedule(nth, fate, counts))) break
        schedules++
      }
      console.log(
        `two writers: lock, first ${fate}, ${schedules} schedules, second refused before in ${counts.refused}, 0 acknowledged and lost`,
      )
      expect(schedules).toBe(STEPS.length)
    })
  }
})
