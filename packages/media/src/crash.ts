/**
 * What a power cut would leave: a journal of the appends that no flush covered yet, and the choice among their pieces.
 *
 * Every unsynced append is cut into pieces (sectors; the whole append on stream and whole-object media). A crash keeps
 * `keep` (0..1) of all pieces: the oldest ones ('in-order'), or any ('reordered'). Invariants:
 *
 *   C1  What a successful flush covered is never touched.
 *   C2  On media with a write pointer of their own, pieces of one zone stay in order: the pointer cannot skip.
 *   C3  Elsewhere a piece that was not kept shows what lay there before: zeros, or stale bytes of the zone's last use.
 *   C4  Resets and finishes that returned are durable at once; where stale bytes show, a reset changes no byte.
 *
 * Source: "All File Systems Are Not Created Equal" (OSDI'14) for the model, Pebble's `vfs.MemFS` for the crash clone.
 */
import type { MediumImage, ZoneImage } from './image.ts'
import type { Bytes, MediumCaps } from './medium.ts'
import { SeededRandom } from './random.ts'

/** How a crash treats unsynced appends. */
export interface CrashOptions {
  /** Share of the unsynced pieces that survive, 0..1; default 0. */
  readonly keep?: number
  /** Default 'in-order'. */
  readonly order?: 'in-order' | 'reordered'
  readonly seed?: number
  /** Size of a piece; default 512 or the block size, whichever is larger. */
  readonly sectorBytes?: number
}

interface Unsynced {
  readonly sequence: number
  readonly zone: number
  readonly offset: number
  readonly data: Bytes
  /** What lay there before, on media where it may show. */
  readonly before: Bytes | undefined
}

interface Piece {
  readonly entry: Unsynced
  readonly from: number
  readonly to: number
}

/** The appends since the last flush. */
export class CrashJournal {
  readonly #caps: MediumCaps
  /** Bytes that stay in zones after reset, where they may show (C3). */
  readonly #stale = new Map<number, Bytes>()
  readonly #finished = new Set<number>()
  #entries: Unsynced[] = []
  #sequence = 0

  constructor(caps: MediumCaps) {
    this.#caps = caps
  }

  get #stalePossible(): boolean {
    return this.#caps.overwrite === 'any'
  }

  /** A mark to give to `flushed`: what was appended so far. */
  mark(): number {
    return this.#sequence
  }

  /** An append whose bytes are in the medium below. `parts` are copied. */
  appended(zone: number, offset: number, parts: readonly Bytes[]): void {
    const data = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      data.set(part, at)
      at += part.length
    }
    let before: Bytes | undefined
    if (this.#stalePossible) {
      before = new Uint8Array(data.length)
      const stale = this.#stale.get(zone)
      if (stale !== undefined) before.set(stale.subarray(offset, offset + data.length))
    }
    this.#entries.push({ sequence: ++this.#sequence, zone, offset, data, before })
  }

  /** Everything up to `mark` is durable. */
  flushed(mark: number): void {
    this.#entries = this.#entries.filter((entry) => entry.sequence > mark)
  }

  /** The zone, and on a stream all before it, is durable. */
  sealed(zone: number): void {
    const stream = this.#caps.append === 'stream'
    this.#entries = this.#entries.filter((entry) => (stream ? entry.zone > zone : entry.zone !== zone))
  }

  /** The zone's finish returned: it stays full (C4). */
  finished(zone: number): void {
    this.#finished.add(zone)
  }

  /** The zone was reset; `held` are the bytes that a conventional zone held: they may show again. */
  reset(zone: number, held: Bytes | undefined): void {
    this.#finished.delete(zone)
    if (held === undefined) {
      this.#entries = this.#entries.filter((entry) => entry.zone !== zone)
      return
    }
    const old = this.#stale.get(zone)
    const stale = new Uint8Array(Math.max(held.length, old?.length ?? 0))
    if (old !== undefined) stale.set(old)
    stale.set(held)
    this.#stale.set(zone, stale)
  }

  erased(): void {
    this.#finished.clear()
    this.#entries = []
  }

  /** What `full`, the medium as it is, becomes when power is lost now. */
  image(full: MediumImage, options: CrashOptions): MediumImage {
    if (this.#caps.durability === 'volatile') return { zones: [], keys: new Map() }
    const conventional = new Set(full.zones.filter((zone) => zone.type === 'conventional').map((zone) => zone.zone))
    const kept = this.#choose(options, conventional)
    const touched = new Set(this.#entries.map((entry) => entry.zone))
    const zones = full.zones.map((zone) => (touched.has(zone.zone) ? this.#cutZone(zone, kept) : zone))
    return { zones: zones.filter((zone) => zone.bytes.length > 0 || zone.state !== 'empty'), keys: full.keys }
  }

  #pieces(sectorBytes: number): Piece[] {
    const whole = this.#caps.append === 'stream' || this.#caps.append === 'whole-object'
    const pieces: Piece[] = []
    for (const entry of this.#entries) {
      let from = 0
      while (from < entry.data.length) {
        const boundary = whole ? entry.data.length : sectorBytes - ((entry.offset + from) % sectorBytes)
        const to = Math.min(entry.data.length, from + boundary)
        pieces.push({ entry, from, to })
        from = to
      }
    }
    return pieces
  }

  /** The kept pieces, oldest first. */
  #choose(options: CrashOptions, conventional: ReadonlySet<number>): Piece[] {
    const sectorBytes = options.sectorBytes ?? Math.max(512, this.#caps.blockBytes)
    const pieces = this.#pieces(sectorBytes)
    const count = Math.round((options.keep ?? 0) * pieces.length)
    if (options.order !== 'reordered' || this.#caps.append === 'stream') return pieces.slice(0, count)
    const order = new SeededRandom(options.seed ?? 1).shuffle(pieces.map((_, index) => index))
    const chosen = new Set(order.slice(0, count))
    // C2: in sequential zones the shuffle only says how many survive; those are the first ones.
    const left = new Map<number, number>()
    for (const index of chosen) {
      const { zone } = pieces[index]!.entry
      left.set(zone, (left.get(zone) ?? 0) + 1)
    }
    return pieces.filter(({ entry: { zone } }, index) => {
      if (conventional.has(zone)) return chosen.has(index)
      const remaining = left.get(zone) ?? 0
      left.set(zone, remaining - 1)
      return remaining > 0
    })
  }

  #cutZone(zone: ZoneImage, kept: readonly Piece[]): ZoneImage {
    const mine = kept.filter((piece) => piece.entry.zone === zone.zone)
    const entries = this.#entries.filter((entry) => entry.zone === zone.zone)
    if (zone.type === 'sequential') {
      const last = mine.at(-1)
      const end = last === undefined ? entries[0]!.offset : last.entry.offset + last.to
      return this.#finished.has(zone.zone) ? { ...zone, bytes: zone.bytes.slice().fill(0, end) } : truncated(zone, end)
    }
    const bytes = zone.bytes.slice()
    for (const entry of entries.toReversed()) bytes.set(entry.before!, entry.offset)
    for (const { entry, from, to } of mine) bytes.set(entry.data.subarray(from, to), entry.offset + from)
    return { ...zone, bytes }
  }
}

function truncated(zone: ZoneImage, end: number): ZoneImage {
  let blocks: number[] | undefined
  if (zone.blockLengths !== undefined) {
    blocks = []
    let sum = 0
    for (const length of zone.blockLengths) {
      if (sum + length > end) break
      sum += length
      blocks.push(length)
    }
  }
  const state = end === 0 ? 'empty' : zone.state === 'open' || zone.state === 'full' ? 'closed' : zone.state
  const cut = { zone: zone.zone, type: zone.type, state, pointer: end, bytes: zone.bytes.slice(0, end) } as const
  return blocks === undefined ? cut : { ...cut, blockLengths: blocks }
}
