import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeLock, takeLock } from '../src/lock.ts'
import { compileSources } from './compiled.ts'

/** Many processes find the lock of a dead one and race for it: one gets it, the others are refused. VIVEFS_DEEP=1: 200 rounds. */
const ROUNDS = process.env.VIVEFS_DEEP === '1' ? 200 : 20
const PROCESSES = 8

let compiled: { directory: string; index: string }
const root = mkdtempSync(join(tmpdir(), 'vivefs-race-'))
beforeAll(() => {
  compiled = compileSources()
}, 120_000)
afterAll(() => {
  rmSync(compiled.directory, { recursive: true, force: true })
  rmSync(root, { recursive: true, force: true })
})

/** What one process says of one round. */
interface Answer {
  /** '' when it got the lock. */
  readonly refusal: string
  readonly held: boolean
}

/** A process that takes the lock at the path it is sent, at the time it is sent, and lets go at the next message. */
const RACER = `
  let lock
  process.on('message', ({ path, at, check }) => {
    if (check) {
      const held = lock !== undefined && lock.held()
      lock?.release()
      lock = undefined
      process.send({ refusal: '', held })
      return
    }
    while (Date.now() < at);
    try {
      lock = takeLock(path)
      process.send({ refusal: '', held: lock.held() })
    } catch (error) {
      process.send({ refusal: error.code ?? String(error), held: false })
    }
  })
  process.send('ready')`

function ask(racers: readonly ChildProcess[], message: object): Promise<Answer[]> {
  return Promise.all(
    racers.map(async (racer) => {
      const answer = once(racer, 'message')
      racer.send(message)
      return ((await answer) as [Answer])[0]
    }),
  )
}

async function startRacers(): Promise<ChildProcess[]> {
  const file = join(compiled.directory, 'racer.js')
  const lock = pathToFileURL(join(compiled.directory, 'lock.js')).href
  writeFileSync(file, `import { takeLock } from ${JSON.stringify(lock)}\n${RACER}`)
  const racers = Array.from({ length: PROCESSES }, () => fork(file, { execArgv: [] }))
  await Promise.all(racers.map((racer) => once(racer, 'message')))
  return racers
}

/** A lock whose holder is gone: the pid lives, but was given to another process since. Answers its token. */
function leaveStaleLock(path: string): string {
  const probe = takeLock(join(root, 'probe.lock'))
  probe.release()
  const token = randomUUID()
  writeFileSync(path, encodeLock({ ...probe.holder, startTime: '1', token }))
  return token
}

/** As {@link leaveStaleLock}, and one after the other died while removing it (K2). */
function leaveStaleClaims(path: string, deaths: number): void {
  let token = leaveStaleLock(path)
  for (let i = 0; i < deaths; i++) token = leaveStaleLock(`${path}.break-${token}`)
}

describe('a stale lock', () => {
  it(`is taken over by exactly one of ${PROCESSES} processes, ${ROUNDS} times`, { timeout: 300_000 }, async () => {
    const racers = await startRacers()
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const path = join(root, `${round}.lock`)
        leaveStaleClaims(path, round % 3)
        const taken = await ask(racers, { path, at: Date.now() + 5 })
        const winners = taken.filter(({ refusal }) => refusal === '')
        expect(winners, `round ${round}: ${JSON.stringify(taken)}`).toHaveLength(1)
        expect(new Set(taken.map(({ refusal }) => refusal))).toEqual(new Set(['', 'MEDIA_LOCKED']))
        const kept = await ask(racers, { check: true })
        expect(
          kept.filter(({ held }) => held),
          `round ${round}: the winner has it still`,
        ).toHaveLength(1)
      }
      expect(readdirSync(root)).toEqual([])
      console.log(`stale lock: ${ROUNDS} rounds of ${PROCESSES} processes, one winner each`)
    } finally {
      for (const racer of racers) racer.kill('SIGKILL')
    }
  })

  it('is refused while a living process removes it, and taken when that is done', () => {
    const path = join(root, 'claimed.lock')
    const claim = takeLock(`${path}.break-${leaveStaleLock(path)}`)
    expect(() => takeLock(path)).toThrow(/MEDIA_LOCKED/)
    claim.release()
    takeLock(path).release()
    expect(readdirSync(root)).toEqual([])
  })

  it('a token that is no part of a file name makes no lock', () => {
    const path = join(root, 'odd.lock')
    const probe = takeLock(path)
    probe.release()
    writeFileSync(path, encodeLock({ ...probe.holder, token: '../x' }))
    expect(() => takeLock(path)).toThrow(/MEDIA_FORMAT/)
    rmSync(path)
  })
})
