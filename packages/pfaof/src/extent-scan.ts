import { LAST } from './chunk.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import type { Extent, ExtentEnd } from './edit.ts'
import { PfaofError } from './error.ts'
import type { FileRecord } from './file-table.ts'
import type { Op } from './op.ts'
import type { VolumeMedium } from './volume-medium.ts'

/** Follows the chunks of one file in one extent that was being written (I1, I2, I3); can go on when it has grown. */
export class ExtentScan {
  readonly extent: Extent
  readonly #id: number
  readonly #medium: VolumeMedium
  #at: number
  ordinal: number
  fileOffset: number
  /** What was accepted so far. */
  readonly found: ExtentEnd = { end: 0, bytes: 0, liveBytes: 0 }
  /** What was accepted up to the last whole record; undefined: none ends here. */
  whole: (ExtentEnd & { fileOffset: number }) | undefined
  /** Highest synced offset that any chunk of the file promises here. */
  promised = 0

  constructor(id: number, extent: Extent, medium: VolumeMedium) {
    this.#id = id
    this.extent = extent
    this.#medium = medium
    this.#at = extent.start
    this.ordinal = extent.ordinal
    this.fileOffset = extent.fileOffset
  }

  /** Reads on, up to the chunk with ordinal `stop`. `final`: looks beyond damage for promises (I5). */
  *advance(stop: number, final: boolean): Op<void> {
    const medium = this.#medium
    const { extent } = this
    const source = {
      alignBytes: medium.alignBytes,
      read: (offset: number, into: Uint8Array) => medium.read(extent.zone, offset, into),
      seed: (offset: number) => medium.seed(extent.zone, offset),
    }
    const cursor = new ChunkCursor(source, this.#at, medium.scanLimit(extent.zone))
    let ended = false
    let sound = true
    for (;;) {
      const verdict = yield* cursor.next((header) => header.fileId === this.#id)
      if (verdict.kind === 'end') break
      if (verdict.kind === 'bad') {
        if (!final) return
        sound = false
        if (!(yield* cursor.resync())) break
        continue
      }
      const { header } = verdict
      if (header.fileId === this.#id && header.epoch === extent.epoch && header.use === extent.use) {
        this.promised = Math.max(this.promised, header.syncedOffset)
        const continues = header.ordinal === this.ordinal && header.fileOffset === this.fileOffset && verdict.payloadOk
        if (ended || !continues || header.ordinal >= stop) {
          if (!final) return
          ended = true
          continue
        }
        this.#accept(header.flags, header.payloadBytes, verdict.at, cursor.at)
      }
      if (sound) this.#at = cursor.at
    }
  }

  #accept(flags: number, payloadBytes: number, at: number, end: number): void {
    const { found } = this
    this.ordinal++
    this.fileOffset += payloadBytes
    found.end = end
    found.bytes += payloadBytes
    found.liveBytes += end - at
    if ((flags & LAST) !== 0) this.whole = { ...found, fileOffset: this.fileOffset }
  }
}

/** What a scan of an unsealed file found: its visible size, and the ends of its extents up to there. */
export interface FoundFile {
  size: number
  ends: ExtentEnd[]
  /** Unsynced bytes or a broken record were cut off. */
  torn: boolean
}

/** Scans an unsealed file over all its extents; can go on when it has grown. */
export class FileScan {
  readonly file: FileRecord
  readonly #mediumOf: (number: number) => VolumeMedium
  readonly #scans: ExtentScan[] = []

  constructor(file: FileRecord, mediumOf: (number: number) => VolumeMedium) {
    this.file = file
    this.#mediumOf = mediumOf
  }

  /**
   * Reads on and answers with the file as it is visible (I4). With `final`, PFAOF_CORRUPTION when it ends below what was promised
   * (I5); otherwise it may still be growing.
   */
  *advance(final: boolean): Op<FoundFile> {
    const { extents, id } = this.file
    let size = 0
    let wholeAt = -1
    let promised = 0
    let reached = true
    for (const [i, extent] of extents.entries()) {
      let scan = this.#scans[i]
      if (scan === undefined) {
        scan = new ExtentScan(id, extent, this.#mediumOf(extent.medium))
        this.#scans.push(scan)
      }
      const next = extents[i + 1]
      yield* scan.advance(next?.ordinal ?? Number.POSITIVE_INFINITY, final)
      promised = Math.max(promised, scan.promised)
      if (!reached) continue
      if (scan.whole !== undefined) {
        size = scan.whole.fileOffset
        wholeAt = i
      }
      reached = next === undefined || (scan.ordinal === next.ordinal && scan.fileOffset === next.fileOffset)
    }
    if (final && promised > size) {
      const name = this.file.name ?? `file ${id}`
      throw new PfaofError('PFAOF_CORRUPTION', `${name} ends at ${size}, but ${promised} bytes of it were synced (I5)`)
    }
    const ends = extents.map((_, i) => {
      if (i > wholeAt) return { end: 0, bytes: 0, liveBytes: 0 }
      const { end, bytes, liveBytes } = i === wholeAt ? this.#scans[i]!.whole! : this.#scans[i]!.found
      return { end, bytes, liveBytes }
    })
    const tail = wholeAt < 0 ? 0 : this.#scans[wholeAt]!.fileOffset
    return { size, ends, torn: tail > size || !reached }
  }
}
