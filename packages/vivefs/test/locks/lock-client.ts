/**
 * A client that locks and unlocks at random, with an oracle in memory that all clients share, in whatever threads they are. Nobody asks the
 * lock table: each client notes what it holds after it got it, and takes the note back before it lets go.
 */
import type { ViveFileSystem } from 'vivefs'
import { Random } from '../seed.ts'

type Promises = ViveFileSystem['promises']

export const FILES = 3
const BYTES = 6
/** What a client waits for: file + 1 (0: nothing), start, end, kind. */
const WANT_CELLS = 4
const CLIENT_CELLS = FILES * BYTES + WANT_CELLS
/** Who waits longer than this, ms, waits in a ring that was not seen. */
const WAIT_MS_MAX = 30_000

const READ = 1
const WRITE = 2

/** What everybody holds and waits for. */
export class Notes {
  readonly #cells: Int32Array
  readonly #clients: number

  constructor(memory: SharedArrayBuffer, clients: number) {
    this.#cells = new Int32Array(memory)
    this.#clients = clients
  }

  static memoryFor(clients: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * clients * (CLIENT_CELLS + 1))
  }

  #at(client: number, cell: number): number {
    return client * CLIENT_CELLS + cell
  }

  held(client: number, file: number, byte: number): number {
    return Atomics.load(this.#cells, this.#at(client, file * BYTES + byte))
  }

  hold(client: number, file: number, start: number, end: number, kind: number): void {
    for (let byte = start; byte < end; byte++) Atomics.store(this.#cells, this.#at(client, file * BYTES + byte), kind)
  }

  want(client: number, file: number, start: number, end: number, kind: number): void {
    const at = this.#at(client, FILES * BYTES)
    for (const [cell, value] of [start, end, kind].entries()) Atomics.store(this.#cells, at + 1 + cell, value)
    Atomics.store(this.#cells, at, file + 1)
  }

  wantNothing(client: number): void {
    Atomics.store(this.#cells, this.#at(client, FILES * BYTES), 0)
  }

  /** From here on nobody looks at what it held: its locks go when its port does. */
  bury(client: number): void {
    Atomics.store(this.#cells, this.#clients * CLIENT_CELLS + client, 1)
  }

  #isDead(client: number): boolean {
    return Atomics.load(this.#cells, this.#clients * CLIENT_CELLS + client) === 1
  }

  /** Who holds what excludes `kind` of those bytes; `client` itself is not in its own way. */
  inTheWay(client: number, file: number, start: number, end: number, kind: number, withDead = false): number[] {
    const found: number[] = []
    for (let other = 0; other < this.#clients; other++) {
      if (other === client || (!withDead && this.#isDead(other))) continue
      for (let byte = start; byte < end; byte++) {
        const held = this.held(other, file, byte)
        if (held === WRITE || (held === READ && kind === WRITE)) {
          found.push(other)
          break
        }
      }
    }
    return found
  }

  /**
   * Whether `client` waits for somebody who, through others, waits for it. Exact for whoever was just refused: all others of its ring
   * wait until it lets go.
   */
  isInRing(client: number): boolean {
    const seen = new Set<number>()
    const open = [client]
    for (let each = open.pop(); each !== undefined; each = open.pop()) {
      const at = this.#at(each, FILES * BYTES)
      const [file, start, end, kind] = [0, 1, 2, 3].map((cell) => Atomics.load(this.#cells, at + cell))
      if (file === 0) continue
      for (const next of this.inTheWay(each, file - 1, start, end, kind, true)) {
        if (next === client) return true
        if (!seen.has(next)) {
          seen.add(next)
          open.push(next)
        }
      }
    }
    return false
  }
}

export interface ClientRole {
  readonly me: number
  readonly clients: number
  readonly memory: SharedArrayBuffer
  readonly seed: number
  readonly steps: number
}

/** What a client met. */
export interface ClientReport {
  granted: number
  refused: number
  /** Refused with EDEADLK, each of them in a ring. */
  rings: number
}

interface Step {
  readonly file: number
  readonly start: number
  readonly end: number
  readonly kind: number
}

/** Locks and unlocks `steps` times, files `/0` and so on; throws what the oracle finds. Lets go of everything at the end. */
export async function runClient(promises: Promises, role: ClientRole): Promise<ClientReport> {
  const { me, seed, steps } = role
  const notes = new Notes(role.memory, role.clients)
  const random = new Random(seed + me)
  const files = await Promise.all(Array.from({ length: FILES }, (_, n) => promises.open(`/${n}`, 'r+')))
  const report: ClientReport = { granted: 0, refused: 0, rings: 0 }

  const letGo = async ({ file, start, end }: Omit<Step, 'kind'>): Promise<void> => {
    notes.hold(me, file, start, end, 0)
    await files[file].unlock({ start, length: end - start, owner: 'session' })
  }
  const letGoOfAll = async (): Promise<void> => {
    for (let file = 0; file < FILES; file++) await letGo({ file, start: 0, end: BYTES })
  }

  const take = async (step: Step, wait: boolean): Promise<void> => {
    const { file, start, end, kind } = step
    const where = `seed ${seed}, client ${me}: ${JSON.stringify(step)}`
    if (wait) notes.want(me, file, start, end, kind)
    const type = kind === READ ? ('read' as const) : ('write' as const)
    const request = { start, length: end - start, type, owner: 'session', wait } as const
    try {
      await files[file].lock(wait ? { ...request, timeoutMs: WAIT_MS_MAX } : request)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EDEADLK' && wait) {
        if (!notes.isInRing(me)) throw new Error(`EDEADLK without a ring, ${where}`)
        report.rings++
        notes.wantNothing(me)
        return await letGoOfAll()
      }
      if (code !== 'EAGAIN' || wait) throw new Error(`${code}, ${where}`, { cause: error })
      report.refused++
      return
    }
    notes.wantNothing(me)
    notes.hold(me, file, start, end, kind)
    const others = notes.inTheWay(me, file, start, end, kind)
    if (others.length > 0) throw new Error(`got what ${others} hold, ${where}`)
    report.granted++
  }

  for (let n = 0; n < steps; n++) {
    const file = random.upTo(FILES)
    const start = random.upTo(BYTES)
    const end = start + 1 + random.upTo(BYTES - start)
    if (random.chance(0.25)) await letGo({ file, start, end })
    else {
      // A write lock that became a read lock would have to be noted at the very moment.
      const isWriter = Array.from({ length: end - start }, (_, at) => notes.held(me, file, start + at)).includes(WRITE)
      await take({ file, start, end, kind: isWriter || random.chance(0.5) ? WRITE : READ }, random.chance(0.8))
    }
  }
  await letGoOfAll()
  await Promise.all(files.map((file) => file.close()))
  return report
}
