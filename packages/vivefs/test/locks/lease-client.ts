/**
 * A client with a cache that stands on leases, at random, with an oracle in memory that all clients share, in whatever threads they are.
 *
 *   read lease   what its holder remembers of the file stays true until it has given way
 *   write lease  the holder counts in its cache alone; whoever reads the file sees no less than what was counted before it asked
 *   either       nobody else has the file open meanwhile in a way that the lease excludes
 */
import type { Stats } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lease, LeaseType, ViveFileSystem } from 'vivefs'
import { Random } from '../seed.ts'

type Promises = ViveFileSystem['promises']
type Handle = Awaited<ReturnType<Promises['open']>>

export const LEASED = 2
const NOTHING = 0
const READ = 1
const WRITE = 2

/** For each file what was counted; for each client and file: the lease that it holds, and how it has the file open. */
export class LeaseNotes {
  readonly #cells: Int32Array
  readonly #clients: number

  constructor(memory: SharedArrayBuffer, clients: number) {
    this.#cells = new Int32Array(memory)
    this.#clients = clients
  }

  static memoryFor(clients: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * LEASED * (1 + 2 * clients))
  }

  counted(file: number): number {
    return Atomics.load(this.#cells, file)
  }
  count(file: number): number {
    return Atomics.add(this.#cells, file, 1) + 1
  }
  #at(client: number, file: number, what: 'lease' | 'open'): number {
    return LEASED + (client * LEASED + file) * 2 + (what === 'lease' ? 0 : 1)
  }
  note(client: number, file: number, what: 'lease' | 'open', kind: number): void {
    Atomics.store(this.#cells, this.#at(client, file, what), kind)
  }
  /** Who else holds, or has open, what cannot be beside `kind`. */
  against(client: number, file: number, what: 'lease' | 'open', kind: number): number[] {
    return Array.from({ length: this.#clients }, (_, other) => other).filter((other) => {
      const theirs = Atomics.load(this.#cells, this.#at(other, file, what))
      return other !== client && theirs !== NOTHING && (theirs === WRITE || kind === WRITE)
    })
  }
  bury(client: number): void {
    for (let file = 0; file < LEASED; file++) {
      this.note(client, file, 'lease', NOTHING)
      this.note(client, file, 'open', NOTHING)
    }
  }
}

export interface LeaseRole {
  readonly me: number
  readonly clients: number
  readonly memory: SharedArrayBuffer
  readonly seed: number
  readonly steps: number
}

export interface LeaseReport {
  granted: number
  broken: number
  refused: number
}

const bytesOf = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(value, 4)
  return bytes
}
/** Without the access time: reading is no change. */
const rememberedOf = ({ ctimeMs, mtimeMs, size, mode, nlink, uid }: Stats): string =>
  [ctimeMs, mtimeMs, size, mode, nlink, uid].join(' ')

/** Works through `steps` random steps; throws what the oracle finds. */
export async function runLeaseClient(promises: Promises, role: LeaseRole): Promise<LeaseReport> {
  const { me, seed, steps } = role
  const notes = new LeaseNotes(role.memory, role.clients)
  const random = new Random(seed + me)
  const report: LeaseReport = { granted: 0, broken: 0, refused: 0 }
  const fail = (what: string): never => {
    throw new Error(`${what}, seed ${seed}, client ${me}`)
  }

  const opened = async (n: number, kind: number, use: (file: Handle) => Promise<void>): Promise<void> => {
    const file = await promises.open(`/${n}`, kind === WRITE ? 'r+' : 'r')
    notes.note(me, n, 'open', kind)
    const others = notes.against(me, n, 'lease', kind)
    if (others.length > 0) fail(`open beside leases of ${others}`)
    try {
      await use(file)
    } finally {
      notes.note(me, n, 'open', NOTHING)
      await file.close()
    }
  }
  const leased = async (file: Handle, type: LeaseType, breakMs: number): Promise<Lease | undefined> => {
    try {
      const lease = await file.lease(type, { breakMs })
      report.granted++
      return lease
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      report.refused++
      return undefined
    }
  }

  /** `giveBack` runs when it is asked for, before the lease is given up. */
  const holding = (n: number, lease: Lease, kind: number, giveBack: () => Promise<void>) => {
    notes.note(me, n, 'lease', kind)
    const others = notes.against(me, n, 'open', kind)
    if (others.length > 0) fail(`a lease beside open files of ${others}`)
    let isAsked = false
    let given: Promise<void> | undefined
    const give = async (): Promise<void> => {
      await giveBack()
      notes.note(me, n, 'lease', NOTHING)
      await lease.release()
    }
    const asked = (): void => {
      report.broken++
      isAsked = true
      given ??= give()
    }
    lease.on('break', asked)
    if (lease.breaking !== undefined) asked()
    return {
      isAsked: () => isAsked,
      end: async (): Promise<void> => {
        isAsked = true
        given ??= give()
        await given
        lease.removeAllListeners()
      },
    }
  }

  const remember = (n: number): Promise<void> =>
    opened(n, READ, async (file) => {
      const lease = await leased(file, 'read', 60_000)
      if (lease === undefined) return
      const held = holding(n, lease, READ, async () => {})
      const before = rememberedOf(await promises.stat(`/${n}`))
      for (let looks = 0; looks < 3 && !held.isAsked(); looks++) {
        await sleep(random.upTo(4))
        if (held.isAsked()) break
        const now = rememberedOf(await promises.stat(`/${n}`))
        if (!held.isAsked() && now !== before) fail(`what was remembered is not true: ${before}, ${now}`)
      }
      await held.end()
    })

  const countInCache = (n: number): Promise<void> =>
    opened(n, WRITE, async (file) => {
      const lease = await leased(file, 'write', 60_000)
      if (lease === undefined) return
      let value = 0
      const held = holding(n, lease, WRITE, async () => {
        if (value > 0) await file.write(bytesOf(value), 0, 8, 0)
      })
      for (let turns = random.upTo(4); turns > 0 && !held.isAsked(); turns--) {
        value = notes.count(n)
        await sleep(random.upTo(3))
      }
      await held.end()
    })

  const look = async (n: number): Promise<void> => {
    const least = notes.counted(n)
    const bytes = await promises.readFile(`/${n}`)
    if (bytes.readUInt32BE(4) < least) fail(`read ${bytes.readUInt32BE(4)} where ${least} were counted`)
  }
  const change = async (n: number): Promise<void> => {
    const path = `/${n}`
    const changes: (() => Promise<unknown>)[] = [
      () => promises.chmod(path, 0o600 + random.upTo(0o200)),
      () => promises.utimes(path, random.upTo(1e9), random.upTo(1e9)),
      () => promises.setxattr(path, 'user.by', String(me)),
      () => promises.truncate(path, 8),
      async () => {
        await promises.link(path, `/link${me}`)
        await promises.unlink(`/link${me}`)
      },
    ]
    await random.pick(changes)()
  }
  const ignore = (n: number): Promise<void> => {
    const kind = random.chance(0.5) ? READ : WRITE
    return opened(n, kind, async (file) => {
      await leased(file, kind === READ ? 'read' : 'write', 5)
      await sleep(random.upTo(10))
    })
  }

  for (let step = 0; step < steps; step++) {
    const n = random.upTo(LEASED)
    const which = random.next()
    if (which < 0.25) await remember(n)
    else if (which < 0.5) await countInCache(n)
    else if (which < 0.7) await look(n)
    else if (which < 0.85) await change(n)
    else if (which < 0.92)
      await opened(n, random.chance(0.5) ? READ : WRITE, () => sleep(random.upTo(4)).then(() => {}))
    else await ignore(n)
  }
  return report
}
