/** Which zone lies in which tape files, how much of it, and which zone takes data: in memory, from index and heads. */
import type { IndexedZone, TapePiece } from './tape-record.ts'

interface ZoneOnTape {
  readonly pieces: TapePiece[]
  bytes: number
  full: boolean
}

export class TapeCatalog {
  readonly #zones: ZoneOnTape[] = []
  /** Number of the next tape file. */
  files = 1
  /** Tape file of the newest index, 0 = none. */
  lastIndex = 0
  /** Grows by one with each index. */
  generation = 0
  /** Pieces that no index knows. */
  unindexed = 0
  /** Bytes of all pieces. */
  dataBytes = 0

  #zone(zone: number): ZoneOnTape {
    while (this.#zones.length <= zone) this.#zones.push({ pieces: [], bytes: 0, full: false })
    return this.#zones[zone]!
  }

  /** The zone that takes data: behind the last full one. */
  get current(): number {
    const last = this.#zones.length - 1
    if (last < 0) return 0
    return this.#zones[last]!.full ? last + 1 : last
  }

  bytesOf(zone: number): number {
    return this.#zones[zone]?.bytes ?? 0
  }

  isFull(zone: number): boolean {
    return zone < this.current
  }

  /** A piece that was written, or found. A later zone means that the ones before were finished. */
  add(zone: number, piece: TapePiece, full: boolean): void {
    const known = this.#zone(zone)
    if (piece.bytes > 0) known.pieces.push(piece)
    known.bytes = piece.offset + piece.bytes
    known.full ||= full
    this.dataBytes += piece.bytes
    this.unindexed++
    for (let before = 0; before < zone; before++) this.#zones[before]!.full = true
  }

  /** The piece that holds the byte at `offset`. */
  pieceAt(zone: number, offset: number): TapePiece | undefined {
    return this.#zones[zone]?.pieces.find((piece) => offset >= piece.offset && offset < piece.offset + piece.bytes)
  }

  indexed(): IndexedZone[] {
    return this.#zones.map(({ pieces, full }, zone) => [zone, full, pieces])
  }

  /** Takes what an index says; what was known is dropped. */
  load(zones: readonly IndexedZone[]): void {
    this.#zones.length = 0
    this.dataBytes = 0
    for (const [zone, full, pieces] of zones) {
      const known = this.#zone(zone)
      known.pieces.push(...pieces)
      const last = pieces.at(-1)
      known.bytes = last === undefined ? 0 : last.offset + last.bytes
      known.full = full
      this.dataBytes += known.bytes
    }
    this.unindexed = 0
  }

  clear(): void {
    this.#zones.length = 0
    this.files = 1
    this.lastIndex = 0
    this.generation = 0
    this.unindexed = 0
    this.dataBytes = 0
  }
}
