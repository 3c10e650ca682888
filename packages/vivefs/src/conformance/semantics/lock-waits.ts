/** Waiting for locks: who gets in, rings of people who wait for each other; and random programs of several people. */
import assert from 'node:assert/strict'
import type { Area } from '../area.ts'
import type { Case } from '../case.ts'
import type { SuiteHeldLock, SuiteLocker, SuiteLockRequest } from '../extras.ts'
import type { Person } from '../people.ts'
import { lockersOf, lockNeeds } from './locks.ts'

/** How long somebody who must wait is watched, ms: he who gets in too soon is caught in it, nobody fails by being late. */
const WATCH_MS = 40
/** After this long, ms, who should have got in is taken for lost. */
const LOST_MS = 20_000

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

type Fate = 'waits' | 'has it' | string

/** A request that waits, watched. */
class Waiting {
  fate: Fate = 'waits'
  readonly #settled: Promise<void>

  constructor(request: Promise<void>) {
    this.#settled = request.then(
      () => {
        this.fate = 'has it'
      },
      (error: NodeJS.ErrnoException) => {
        this.fate = error.code ?? error.message
      },
    )
  }

  /** Fails when it does not end as expected, soon enough. */
  async ends(expected: Fate, what: string): Promise<void> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), LOST_MS)
    const lost = new Promise<void>((resolve) => late.signal.addEventListener('abort', () => resolve()))
    await Promise.race([this.#settled, lost])
    clearTimeout(timer)
    assert.equal(this.fate, expected, what)
  }

  settled(): Promise<Waiting> {
    return this.#settled.then(() => this)
  }
}

const byte = (start: number, type: 'read' | 'write' = 'write'): SuiteLockRequest => ({ type, start, length: 1 })
const waits = (locker: SuiteLocker, request: SuiteLockRequest): Waiting =>
  new Waiting(locker.lock({ ...request, wait: true }))

/**
 * Everybody has a byte and asks for the next one's: whoever closes the ring is refused, and when he lets go of his byte, the
 * others get in one after the other.
 */
async function ring(area: Area, who: readonly Person[]): Promise<void> {
  const lockers = await lockersOf(area, who)
  for (const [at, locker] of lockers.entries()) await locker.lock(byte(at))
  const all = lockers.map((locker, at) => waits(locker, byte((at + 1) % lockers.length)))
  const first = await Promise.race(all.map((each) => each.settled()))
  assert.equal(first.fate, 'EDEADLK')
  await pause(WATCH_MS)
  assert.equal(all.filter(({ fate }) => fate === 'waits').length, who.length - 1, 'only one is refused')
  const refused = all.indexOf(first)
  // His byte is what the one before him waits for.
  for (let step = 0; step < who.length - 1; step++) {
    const free = (refused - step + who.length) % who.length
    const next = (free - 1 + who.length) % who.length
    await lockers[free].unlock({})
    await all[next].ends('has it', `${who[next]} waited for ${who[free]}`)
  }
}

const waiting: readonly Case[] = [
  {
    name: 'who waits gets in when who is in the way lets go, and not before',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob] = await lockersOf(area, ['alice', 'bob'])
      await alice.lock({ type: 'write', start: 0, length: 10 })
      const bobs = waits(bob, { type: 'read', start: 5, length: 10 })
      await pause(WATCH_MS)
      await alice.unlock({ start: 0, length: 5 })
      await pause(WATCH_MS)
      assert.equal(bobs.fate, 'waits')
      await alice.unlock({ start: 5, length: 5 })
      await bobs.ends('has it', 'nobody is in the way')
      assert.deepEqual(await alice.test({ type: 'write' }), { type: 'read', start: 5, length: 10, owner: bob.owner })
    },
  },
  {
    name: 'a close lets in who waits, and so does a lock that becomes a weaker one',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob] = await lockersOf(area, ['alice', 'bob'])
      await alice.lock({ type: 'write' })
      const reads = waits(bob, { type: 'read' })
      await pause(WATCH_MS)
      await alice.lock({ type: 'read' })
      await reads.ends('has it', 'readers share')
      const writes = waits(bob, { type: 'write' })
      await pause(WATCH_MS)
      assert.equal(writes.fate, 'waits')
      await alice.close()
      await writes.ends('has it', 'alice is gone')
    },
  },
  {
    name: 'of several who wait each gets in once, one after the other',
    needs: lockNeeds,
    async run(area) {
      const lockers = await lockersOf(area, ['alice', 'bob', 'carol', 'dave'])
      await lockers[0].lock({ type: 'write' })
      const others = lockers.slice(1).map((locker) => ({ locker, waiting: waits(locker, { type: 'write' }) }))
      await pause(WATCH_MS)
      let holder = lockers[0]
      for (let left = others; left.length > 0; ) {
        await holder.unlock({})
        const { fate } = await Promise.race(left.map((each) => each.waiting.settled()))
        assert.equal(fate, 'has it')
        await pause(WATCH_MS)
        const inside = left.filter((each) => each.waiting.fate !== 'waits')
        assert.equal(inside.length, 1, 'one at a time')
        holder = inside[0].locker
        left = left.filter((each) => each !== inside[0])
      }
    },
  },
  {
    name: 'flock: who waits gets in when the lock goes; people who wait for each other’s are not refused',
    needs: lockNeeds,
    async run(area) {
      const [alice, bob] = await lockersOf(area, ['alice', 'bob'])
      const [alices, bobs] = await lockersOf(area, ['alice', 'bob'], 'other')
      await alice.flock('exclusive')
      await bobs.flock('exclusive')
      const one = new Waiting(bob.flock('shared', { wait: true }))
      const other = new Waiting(alices.flock('exclusive', { wait: true }))
      await pause(WATCH_MS)
      assert.deepEqual([one.fate, other.fate], ['waits', 'waits'])
      await alice.flock('unlock')
      await one.ends('has it', 'alice let go')
      await bobs.close()
      await other.ends('has it', 'bob closed it')
    },
  },
  {
    name: 'two who wait for each other: one is refused',
    needs: lockNeeds,
    run: (area) => ring(area, ['alice', 'bob']),
  },
  {
    name: 'three in a ring: one is refused',
    needs: lockNeeds,
    run: (area) => ring(area, ['alice', 'bob', 'carol']),
  },
  {
    name: 'two readers of the same bytes who both want to write: one is refused',
    needs: lockNeeds,
    async run(area) {
      const lockers = await lockersOf(area, ['alice', 'bob'])
      for (const locker of lockers) await locker.lock({ type: 'read' })
      const all = lockers.map((locker) => waits(locker, { type: 'write' }))
      const first = await Promise.race(all.map((each) => each.settled()))
      assert.equal(first.fate, 'EDEADLK')
      await lockers[all.indexOf(first)].unlock({})
      await all[1 - all.indexOf(first)].ends('has it', 'the other one')
    },
  },
]

const CELLS = 12
const STEPS = 150
const SEEDS = [1, 2, 3]

/** A number below `end`, by a generator of Lehmer's: the same programs everywhere. */
function randomOf(seed: number): (end: number) => number {
  let state = seed * 48_271 + 11
  return (end) => {
    state = (state * 48_271) % 2_147_483_647
    return state % end
  }
}

type Kind = 'read' | 'write' | undefined

/** What everybody has, byte by byte; the last cell stands for all bytes behind. */
class Oracle {
  readonly #held: Kind[][]

  constructor(people: number) {
    this.#held = Array.from({ length: people }, () => new Array<Kind>(CELLS).fill(undefined))
  }

  set(who: number, { start = 0, length = 0 }: { start?: number; length?: number }, kind: Kind): void {
    this.#held[who].fill(kind, start, length === 0 ? CELLS : start + length)
  }

  /** All locks of others in the way, joined, in the order of their first bytes. */
  conflicts(who: number, request: SuiteLockRequest, owners: readonly SuiteLocker[]): SuiteHeldLock[] {
    const { type, start = 0, length = 0 } = request
    const end = length === 0 ? CELLS : start + length
    const found: SuiteHeldLock[] = []
    for (const [other, cells] of this.#held.entries()) {
      for (let from = 0; other !== who && from < CELLS; ) {
        let to = from + 1
        while (to < CELLS && cells[to] === cells[from]) to++
        const kind = cells[from]
        if (kind !== undefined && (kind === 'write' || type === 'write') && from < end && to > start) {
          found.push({ type: kind, start: from, length: to === CELLS ? 0 : to - from, owner: owners[other].owner })
        }
        from = to
      }
    }
    return found.sort((one, another) => one.start - another.start)
  }
}

async function randomProgram(area: Area, seed: number): Promise<void> {
  const random = randomOf(seed)
  const lockers = await lockersOf(area, ['alice', 'bob', 'carol', 'dave'], `file${seed}`)
  const oracle = new Oracle(lockers.length)
  for (let step = 0; step < STEPS; step++) {
    const who = random(lockers.length)
    const start = random(CELLS - 1)
    // Up to the last byte but one, or to the end.
    const length = random(5) === 0 ? 0 : 1 + random(CELLS - 1 - start)
    const request: SuiteLockRequest = { type: random(2) === 0 ? 'read' : 'write', start, length }
    const where = `seed ${seed}, step ${step}: ${JSON.stringify({ who, ...request })}`
    const inTheWay = oracle.conflicts(who, request, lockers)
    if (random(3) === 0) {
      await lockers[who].unlock(request)
      oracle.set(who, request, undefined)
      continue
    }
    const found = await lockers[who].test(request)
    const isOne = inTheWay.some((lock) => JSON.stringify(lock) === JSON.stringify(found && sorted(found)))
    assert.ok(inTheWay.length === 0 ? found === undefined : isOne, `${where} met ${JSON.stringify(found)}`)
    const fate = new Waiting(lockers[who].lock(request))
    await fate.ends(inTheWay.length === 0 ? 'has it' : 'EAGAIN', where)
    if (inTheWay.length === 0) oracle.set(who, request, request.type)
  }
}

const sorted = ({ type, start, length, owner }: SuiteHeldLock): SuiteHeldLock => ({ type, start, length, owner })

const walks: readonly Case[] = SEEDS.map((seed) => ({
  name: `a random program of four people, byte by byte (${seed})`,
  needs: lockNeeds,
  run: (area) => randomProgram(area, seed),
}))

export const lockWaits: readonly Case[] = [...waiting, ...walks]
