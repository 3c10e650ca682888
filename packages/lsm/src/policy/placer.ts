import type { Medium } from '@vivefs/media'
import type { MediumStatus as VolumeMediumStatus } from '@vivefs/pfaof'
import { isLevelError, LevelError, type LevelErrorCode } from '../error.ts'
import { placementFault } from './check-placement.ts'
import type { MediaPolicy, MediumStatus, Placement, PlacementRequest } from './media-policy.ts'
import { requestText } from './request-text.ts'

/** What is asked; the media are added here. */
export type Asked = Omit<PlacementRequest, 'media'>

export interface PlacerOptions {
  /** Undefined: the media in the order in which they were given. */
  readonly policy: MediaPolicy | undefined
  readonly media: Readonly<Record<string, Medium>>
  readonly status: () => ReadonlyMap<string, VolumeMediumStatus>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** What a medium answers that is broken, gone, or somebody else's. */
const FAILURES: ReadonlySet<LevelErrorCode> = new Set<LevelErrorCode>([
  'LEVEL_IO_ERROR',
  'LEVEL_POISONED',
  'LEVEL_DATABASE_NOT_OPEN',
  'LEVEL_LOCKED',
  'LEVEL_READ_ONLY',
  'LEVEL_MISSING',
])
/** How long a medium that failed is left alone. */
const OFFLINE_MS = 2000

/**
 * Asks the policy, checks its answers, and knows which media failed a short while ago.
 *
 * V1: what has to survive loss of power goes to durable media, whatever the policy prefers: logs, the manifest, and everything that is not a
 * table of level 0, whose entries the log still has. Only where the file table itself is on a volatile medium is nothing durable.
 */
export class Placer {
  readonly policy: MediaPolicy
  readonly #media: Readonly<Record<string, Medium>>
  readonly #names: ReadonlySet<string>
  readonly #status: () => ReadonlyMap<string, VolumeMediumStatus>
  readonly #now: () => number
  /** Until when a medium that said that it is full is taken to be so: its zones do not tell. */
  readonly #fullUntil: Map<string, number> = new Map()
  /** Until when a medium is left alone, and why. */
  readonly #offline: Map<string, { readonly untilMs: number; readonly why: string }> = new Map()
  /** The file table survives loss of power. */
  readonly durable: boolean
  readonly #home: readonly string[]
  readonly #hasPolicy: boolean

  constructor(o: PlacerOptions) {
    this.#media = o.media
    const names = Object.keys(o.media)
    this.#names = new Set(names)
    this.policy = o.policy ?? { name: 'in order', place: () => ({ media: names as [string, ...string[]] }) }
    this.#hasPolicy = o.policy !== undefined
    this.#status = o.status
    this.#now = o.now
    this.#home = [...o.status()].filter(([, { home }]) => home).map(([name]) => name)
    this.durable = this.#home.every((name) => !this.isVolatile(name))
  }

  /** Loss of power takes what lies there, while the database as a whole survives it. */
  forgets(medium: string): boolean {
    return this.durable && this.isVolatile(medium)
  }

  isVolatile(medium: string): boolean {
    return this.#media[medium]?.caps.durability === 'volatile'
  }

  /** How all media stand. The caller owns it. */
  media(): Map<string, MediumStatus> {
    const all = new Map<string, MediumStatus>()
    for (const [name, status] of this.#status()) {
      const { caps, readSync } = this.#media[name]!
      const { zones, zoneCapacityBytes, availableBytes, liveBytes, poisoned } = status
      const offline = poisoned || this.#offlineNow(name) !== undefined
      all.set(name, {
        state: offline ? 'offline' : availableBytes === 0 || this.#isFull(name) ? 'full' : 'online',
        capacityBytes: zones * zoneCapacityBytes,
        availableBytes,
        liveBytes,
        durable: caps.durability !== 'volatile',
        sync: readSync !== undefined,
        writeOnce: caps.reclaim === 'whole-medium',
        cost: caps.cost,
      })
    }
    return all
  }

  /**
   * Where a file goes: the policy's answer without the media that cannot take it, those that are full last. LEVEL_ARGUMENT: the policy
   * threw, or its answer is none. LEVEL_NO_SPACE: no medium that it names takes files now. Neither poisons.
   */
  place(asked: Asked): Placement {
    const media = this.media()
    const answer = this.#ask(asked, 'place', () => this.policy.place({ ...asked, media }))
    return this.#usable(asked, answer!, media)
  }

  /** Where a file goes that has to leave a medium: the policy's answer to `place` without it. LEVEL_ARGUMENT, LEVEL_NO_SPACE. */
  placeElsewhere(asked: Asked, not: string): Placement {
    const media = this.media()
    media.set(not, { ...media.get(not)!, state: 'offline' })
    const answer = this.#ask(asked, 'place', () => this.policy.place({ ...asked, media }))!
    return this.#usable(asked, answer, media)
  }

  /** Where an idle file should lie; undefined: where it is. */
  relocate(asked: Asked, current: string): Placement | undefined {
    if (this.policy.relocate === undefined) return undefined
    const media = this.media()
    const answer = this.#ask(asked, 'relocate', () => this.policy.relocate!({ ...asked, media, current }))
    return answer === undefined ? undefined : this.#usable(asked, answer, media)
  }

  #ask(asked: Asked, call: 'place' | 'relocate', ask: () => Placement | undefined): Placement | undefined {
    let answer: Placement | undefined
    try {
      answer = ask()
    } catch (error) {
      throw this.#refusal(asked, call, `threw ${error instanceof Error ? error.message : String(error)}`, error)
    }
    if (answer === undefined && call === 'relocate') return undefined
    const fault = placementFault(answer, this.#names)
    if (fault !== undefined) throw this.#refusal(asked, call, fault)
    return answer
  }

  #usable(asked: Asked, answer: Placement, media: ReadonlyMap<string, MediumStatus>): Placement {
    const fit = this.#needsDurable(asked) ? answer.media.filter((name) => !this.isVolatile(name)) : answer.media
    if (fit.length === 0) {
      const what = `named only ${answer.media.join(', ')}, where nothing survives loss of power: only for tables of level 0`
      throw this.#refusal(asked, 'place', what)
    }
    // A move is of a known size, and what was copied in vain is not always given back.
    const bytes = asked.reason === 'move' ? asked.bytesExpected : 0
    const [first, ...others] = sorted(fit, media, bytes)
    if (first === undefined) throw this.#noMedium(asked, fit, media)
    const index = this.#indexMedia(asked, answer, first, media)
    const { index: _, ...rest } = answer
    return { ...rest, media: [first, ...others], ...(index === undefined ? {} : { index }) }
  }

  #needsDurable({ file, level, reason }: Asked): boolean {
    return this.durable && !(file === 'table' && level === 0 && reason === 'flush')
  }

  #indexMedia(
    { file }: Asked,
    answer: Placement,
    first: string,
    media: ReadonlyMap<string, MediumStatus>,
  ): [string, ...string[]] | undefined {
    if (file !== 'table') return undefined
    const wanted = answer.index ?? (media.get(first)!.sync ? [] : this.#home)
    const [one, ...others] = sorted(
      wanted.filter((name) => !this.forgets(name)),
      media,
    )
    return one === undefined || one === first ? undefined : [one, ...others]
  }

  get hasPolicy(): boolean {
    return this.#hasPolicy
  }

  /** The job on this medium failed for its sake, and may do without it: true when that is worth another try now. */
  failed(error: unknown): boolean {
    if (isLevelError(error) && error.code === 'LEVEL_NO_SPACE') return this.#becameFull(error.medium)
    const medium = this.#failedMedium(error)
    if (medium === undefined) return false
    const before = this.#offlineNow(medium)
    this.#offline.set(medium, { untilMs: this.#now() + OFFLINE_MS, why: (error as Error).message })
    return before === undefined && this.#names.size > 1
  }

  #isFull(medium: string): boolean {
    return (this.#fullUntil.get(medium) ?? 0) > this.#now()
  }

  #becameFull(medium: string | undefined): boolean {
    if (medium === undefined || !this.#names.has(medium) || this.#isFull(medium)) return false
    this.#fullUntil.set(medium, this.#now() + OFFLINE_MS)
    return this.#names.size > 1
  }

  #offlineNow(medium: string): string | undefined {
    const offline = this.#offline.get(medium)
    if (offline === undefined || offline.untilMs <= this.#now()) return undefined
    return offline.why
  }

  /** The same error, to be tried again where it is for the sake of a medium that may come back. */
  asTransient(error: unknown): unknown {
    const medium = this.#failedMedium(error)
    if (medium === undefined) return error
    const { code, message } = error as LevelError
    const help = `it is tried again; bring ${medium} back, or open the database anew`
    return new LevelError(code, `${message.replace(`${code}: `, '')}; ${help}`, error, { transient: true, medium })
  }

  /** The medium that failed, when the file table does not lie there. */
  #failedMedium(error: unknown): string | undefined {
    if (!isLevelError(error) || error.medium === undefined || !FAILURES.has(error.code)) return undefined
    return this.#names.has(error.medium) && !this.#home.includes(error.medium) ? error.medium : undefined
  }

  #refusal(asked: Asked, call: string, what: string, cause?: unknown): LevelError {
    const message = `the policy ${this.policy.name} ${what}; ${call} was asked for a ${requestText(asked)}`
    return new LevelError('LEVEL_ARGUMENT', message, cause, { transient: true })
  }

  #noMedium(asked: Asked, wanted: readonly string[], media: ReadonlyMap<string, MediumStatus>): LevelError {
    const status = this.#status()
    const reasons = wanted.map((name) => {
      if (media.get(name)?.state === 'offline' && this.#offlineNow(name) === undefined && !status.get(name)!.poisoned)
        return `${name} is to be emptied`
      if (status.get(name)!.poisoned) return `a flush of ${name} failed: open the database anew when it is back`
      return `${name} is offline (${this.#offlineNow(name) ?? 'it failed'})`
    })
    const help = 'bring one back, or let the policy name another'
    const message = `no medium takes a ${requestText(asked)}: ${reasons.join('; ')}; ${help}`
    return new LevelError('LEVEL_NO_SPACE', message)
  }
}

/** Without those that are offline, those without room for so many bytes last: they may have some in zones that are being written. */
function sorted(names: readonly string[], media: ReadonlyMap<string, MediumStatus>, bytes = 0): string[] {
  const online = [...new Set(names)].filter((name) => media.get(name)!.state !== 'offline')
  const isFull = (name: string) => {
    const { state, availableBytes } = media.get(name)!
    return Number(state === 'full' || availableBytes < bytes)
  }
  return online.sort((a, b) => isFull(a) - isFull(b))
}
