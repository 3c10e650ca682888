import { isPfaofError, type MediumStatus, type Volume } from '@vivefs/pfaof'

/** How long between two looks. */
const LOOK_MS = 100
/** Fewer zones' worth of dead space are not worth the copying. */
const DEAD_ZONES_MIN = 8
/** Dead bytes for each live one. */
const DEAD_SHARE_MAX = 0.5
const FREE_SHARE_MIN = 1 / 8
/** Zones emptied before full media are tried again. */
const ROOM_ZONES = 2

/**
 * Small files share zones, and a zone is used again when the last of them is gone. This moves what is left in half-empty zones together:
 * in the background where dead space grows too big a part of the whole or free zones run out, and at once on full media.
 */
export class ZoneReclaimer {
  readonly #volume: Volume
  readonly #ending = new AbortController()
  #running: Promise<number> | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  /** Zones emptied. */
  zones = 0
  /** Why the newest attempt ended, where that was no want of space. Nothing is lost by it: files stay where they are. */
  failure: unknown

  constructor(volume: Volume) {
    this.#volume = volume
  }

  /** Starts what is needed; to be called whenever files went. `full`: something waits for room. */
  look(full: boolean): void {
    const now = performance.now()
    if (this.#running !== undefined || now - this.#lookedAt < LOOK_MS || this.#ending.signal.aborted) return
    this.#lookedAt = now
    if (full) void this.#start(() => this.#room())
    else if (this.#needy().length > 0) void this.#start(() => this.#whileNeedy())
  }

  /** For full media: resolves to the number of zones that were emptied. */
  async makeRoom(): Promise<number> {
    await this.#running
    if (this.#ending.signal.aborted) return 0
    return await this.#start(() => this.#room())
  }

  async #room(): Promise<number> {
    let emptied = 0
    for (const name of this.#volume.status().keys()) emptied += await this.#reclaim(name, ROOM_ZONES, 'zone')
    return emptied
  }

  #needy(): [name: string, need: Need][] {
    return [...this.#volume.status()].flatMap(([name, status]) => {
      const need = needOf(status)
      return need === undefined ? [] : [[name, need]]
    })
  }

  async #whileNeedy(): Promise<number> {
    let all = 0
    for (let needy = this.#needy(); needy.length > 0; needy = this.#needy()) {
      let emptied = 0
      for (const [name, need] of needy) emptied += await this.#reclaim(name, 1, need)
      if (emptied === 0) break
      all += emptied
    }
    return all
  }

  async #reclaim(name: string, zones: number, shareOf: Need): Promise<number> {
    const { signal } = this.#ending
    const emptied = await this.#volume.reclaim(name, { zones, shareOf, signal })
    this.zones += emptied
    return emptied
  }

  #start(work: () => Promise<number>): Promise<number> {
    const running = work()
      .then((emptied) => {
        this.failure = undefined
        return emptied
      })
      .catch((error) => {
        if (!this.#ending.signal.aborted && !isPfaofError(error, 'PFAOF_NO_SPACE')) this.failure = error
        return 0
      })
      .finally(() => {
        this.#running = undefined
      })
    this.#running = running
    return running
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#ending.abort()
    await this.#running
  }
}

/** What is wanted: bytes that files have left in zones they take, or zones, however little they take. */
type Need = 'taken' | 'zone'

function needOf(status: MediumStatus): Need | undefined {
  const { zones, freeZones, zoneCapacityBytes, liveBytes, deadBytes, poisoned } = status
  if (poisoned) return undefined
  const least = DEAD_ZONES_MIN * zoneCapacityBytes
  if (deadBytes >= least && deadBytes > DEAD_SHARE_MAX * liveBytes) return 'taken'
  const unusedBytes = (zones - freeZones) * zoneCapacityBytes - liveBytes
  return freeZones < FREE_SHARE_MIN * zones && unusedBytes >= least ? 'zone' : undefined
}
