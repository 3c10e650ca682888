/** Leases through a port: the owner tells of breaks by messages of their own, the asker answers by requests. */
import { EventEmitter } from 'node:events'
import { FilesystemError } from '../errors.ts'
import type { Lease, LeaseBreak, LeaseLoss, LeaseType } from '../lock/lease.ts'

/** What happened to a lease. The number is the asker's. */
export interface LeaseNews {
  readonly lease: number
  readonly break?: LeaseBreak
  readonly lost?: LeaseLoss
}

/** What a lease is when a request about it is answered. */
export interface LeaseState {
  readonly lease: number
  readonly type: LeaseType | 'none'
}

interface LeaseEvents {
  break: [LeaseBreak]
  lost: [LeaseLoss]
}

type Ask = (name: 'downgrade' | 'release', number: number) => Promise<unknown>

/** A lease of a file of another thread: as `Lease`, but it is given back by a message. */
export class PortLease extends EventEmitter<LeaseEvents> {
  readonly #number: number
  readonly #ask: Ask
  #type: LeaseType | 'none' = 'none'
  #breaking: LeaseBreak | undefined

  constructor(number: number, ask: Ask) {
    super()
    this.#number = number
    this.#ask = ask
  }

  get type(): LeaseType | 'none' {
    return this.#type
  }

  get breaking(): LeaseBreak | undefined {
    return this.#breaking
  }

  /** As `Lease.downgrade`. EAGAIN. */
  async downgrade(): Promise<void> {
    this.become(((await this.#ask('downgrade', this.#number)) as LeaseState).type)
  }

  /** As `Lease.release`. */
  async release(): Promise<void> {
    if (this.#type !== 'none') this.become(((await this.#ask('release', this.#number)) as LeaseState).type)
  }

  become(type: LeaseType | 'none'): void {
    this.#type = type
    if (type === 'none' || (type === 'read' && this.#breaking?.to === 'read')) this.#breaking = undefined
  }

  hear(news: LeaseNews): void {
    if (news.break !== undefined) {
      this.#breaking = news.break
      this.emit('break', news.break)
    } else if (news.lost !== undefined) {
      this.become(news.lost.now)
      this.emit('lost', news.lost)
    }
  }
}

/** The asker's leases. */
export class PortLeases {
  readonly #leases = new Map<number, PortLease>()
  #next = 1

  /** `take` asks for a lease of that number; `ask` about one. */
  async take(take: (number: number) => Promise<unknown>, ask: Ask): Promise<PortLease> {
    const number = this.#next++
    const made = new PortLease(number, async (name, of) => {
      const state = (await ask(name, of)) as LeaseState
      if (state.type === 'none') this.#leases.delete(of)
      return state
    })
    // News may come before the answer.
    this.#leases.set(number, made)
    let known = number
    try {
      const state = (await take(number)) as LeaseState
      known = state.lease
      const lease = this.#leases.get(known) ?? made
      lease.become(state.type)
      return lease
    } catch (error) {
      known = 0
      throw error
    } finally {
      if (known !== number) this.#leases.delete(number)
    }
  }

  hear(news: LeaseNews): void {
    const lease = this.#leases.get(news.lease)
    if (news.lost?.now === 'none') this.#leases.delete(news.lease)
    lease?.hear(news)
  }

  /** Nobody answers any more. */
  end(): void {
    for (const number of [...this.#leases.keys()]) {
      this.hear({ lease: number, lost: { now: 'none', reason: 'session' } })
    }
  }
}

/** The owner's side: which lease a number of the asker means. */
export class ServedLeases {
  readonly #leases = new Map<number, Lease>()
  readonly #numbers = new WeakMap<Lease, number>()
  readonly #tell: (news: LeaseNews) => void

  constructor(tell: (news: LeaseNews) => void) {
    this.#tell = tell
  }

  add(number: number, lease: Lease): LeaseState {
    const known = this.#numbers.get(lease)
    if (known !== undefined) return { lease: known, type: lease.type }
    this.#numbers.set(lease, number)
    this.#leases.set(number, lease)
    lease.on('break', (asked) => this.#tell({ lease: number, break: asked }))
    lease.on('lost', (lost) => {
      if (lost.now === 'none') this.#leases.delete(number)
      this.#tell({ lease: number, lost })
    })
    return { lease: number, type: lease.type }
  }

  /** EAGAIN. One that is not known was lost, and the news of it is under way. */
  answer(name: string, number: number): LeaseState {
    const lease = this.#leases.get(number)
    if (name === 'release') lease?.release()
    else if (lease === undefined) throw new FilesystemError('EAGAIN')
    else lease.downgrade()
    const type = lease?.type ?? 'none'
    if (type === 'none') this.#leases.delete(number)
    return { lease: number, type }
  }
}
