import { PAGE_BYTES } from './chunk.ts'
import { ChunkMap, type ChunkPlace, isPageVerified, isVerified, setPageVerified } from './chunk-map.ts'
import { crc32, sharedKernel } from './crc.ts'
import { STAGING_AT } from './crc-kernel.ts'
import type { Extent } from './edit.ts'
import { PfaofError } from './error.ts'
import type { Op } from './op.ts'
import type { SegmentCache } from './segment-cache.ts'
import type { VolumeMedium } from './volume-medium.ts'

/** Where the bytes of a file lie: its extents in order. Replaced as a whole when the file moves; readers keep the old one alive (I7). */
export class FileLayout {
  readonly maps: ChunkMap[] = []
  readonly #fileId: number
  readonly #media: readonly VolumeMedium[]
  readonly #cache: SegmentCache
  #readers = 0
  #retired: (() => void) | undefined
  #last: ChunkMap | undefined

  constructor(fileId: number, extents: readonly Extent[], media: readonly VolumeMedium[], cache: SegmentCache) {
    this.#fileId = fileId
    this.#media = media
    this.#cache = cache
    for (const extent of extents) this.push(extent)
  }

  push(extent: Extent): ChunkMap {
    const map = new ChunkMap(this.#fileId, extent, this.#media[extent.medium]!, this.#cache)
    this.maps.push(map)
    return map
  }

  /** Another layout of the same file. */
  replacedBy(extents: readonly Extent[]): FileLayout {
    return new FileLayout(this.#fileId, extents, this.#media, this.#cache)
  }

  /** Runs `free` when the last reader has left. */
  retire(free: () => void): void {
    this.#retired = () => {
      for (const map of this.maps) map.close()
      free()
    }
    if (this.#readers === 0) this.#retired()
  }

  acquire(): void {
    this.#readers++
  }

  release(): void {
    this.#readers--
    if (this.#readers === 0) this.#retired?.()
  }

  #mapOf(offset: number): ChunkMap {
    const last = this.#last
    const { maps } = this
    let low = 0
    let high = maps.length
    if (last !== undefined && maps.length === 1) return last
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (maps[middle]!.extent.fileOffset <= offset) low = middle
      else high = middle
    }
    this.#last = maps[low]
    return maps[low]!
  }

  /**
   * Fills the first `bytes` of `into` on the spot, when the places are in memory and the medium answers so; false: use {@link read}.
   * Pages that were verified, and whole ones, go straight into `into`; the CRC of others is computed in the kernel's memory.
   */
  readNow(offset: number, into: Uint8Array, bytes: number): boolean {
    for (let done = 0; done < bytes; ) {
      const at = offset + done
      const map = this.#mapOf(at)
      const place = map?.peek(at)
      if (place === undefined) return false
      const from = at - place.fileOffset
      const take = Math.min(bytes - done, place.bytes - from)
      const target = take === into.length ? into : into.subarray(done, done + take)
      const there = isVerified(place, from, from + take)
        ? this.#readVerifiedNow(map, place, from, target)
        : this.#readAndVerifyNow(map, place, from, target)
      if (!there) return false
      done += take
    }
    return true
  }

  #readVerifiedNow(map: ChunkMap, place: ChunkPlace, from: number, into: Uint8Array): boolean {
    const got = map.medium.readNow(map.extent.zone, place.payloadAt + from, into)
    if (got !== undefined && got !== into.length) throw this.#short(map, place)
    return got !== undefined
  }

  #readAndVerifyNow(map: ChunkMap, place: ChunkPlace, from: number, into: Uint8Array): boolean {
    const pageFrom = from - (from % PAGE_BYTES)
    const pageTo = Math.min(place.bytes, Math.ceil((from + into.length) / PAGE_BYTES) * PAGE_BYTES)
    const { memory, crc } = sharedKernel()
    const whole = pageFrom === from && pageTo === from + into.length
    const pages = whole ? into : memory.subarray(STAGING_AT, STAGING_AT + pageTo - pageFrom)
    const got = map.medium.readNow(map.extent.zone, place.payloadAt + pageFrom, pages)
    if (got === undefined) return false
    if (got !== pages.length) throw this.#short(map, place)
    if (whole) memory.set(into, STAGING_AT)
    for (let at = 0; at < got; at += PAGE_BYTES) {
      const page = (pageFrom + at) / PAGE_BYTES
      if (isPageVerified(place, page)) continue
      const found = crc(STAGING_AT + at, Math.min(PAGE_BYTES, got - at), 0)
      if ((found ^ place.crcs[page]!) !== 0) throw this.#damaged(map, place, page)
      setPageVerified(place, page)
    }
    if (!whole) into.set(pages.subarray(from - pageFrom, from - pageFrom + into.length))
    return true
  }

  /** Fills `into` from `offset`; the caller has cut it to the file's size. */
  *read(offset: number, into: Uint8Array): Op<void> {
    for (let done = 0; done < into.length; ) {
      const at = offset + done
      const map = this.#mapOf(at)
      const place = map.peek(at) ?? (yield* map.find(at))
      const from = at - place.fileOffset
      const take = Math.min(into.length - done, place.bytes - from)
      yield* this.#readPlace(map, place, from, into.subarray(done, done + take))
      done += take
    }
  }

  *#readPlace(map: ChunkMap, place: ChunkPlace, from: number, into: Uint8Array): Op<void> {
    const to = from + into.length
    const verified = isVerified(place, from, to)
    const pageFrom = from - (from % PAGE_BYTES)
    const pageTo = Math.min(place.bytes, Math.ceil(to / PAGE_BYTES) * PAGE_BYTES)
    const whole = pageFrom === from && pageTo === to
    const target = verified || whole ? into : Buffer.allocUnsafe(pageTo - pageFrom)
    const start = verified || whole ? from : pageFrom
    const got = yield* map.medium.read(map.extent.zone, place.payloadAt + start, target)
    if (got !== target.length) throw this.#short(map, place)
    if (verified) return
    this.#verify(map, place, start, target)
    if (target !== into) into.set(target.subarray(from - pageFrom, from - pageFrom + into.length))
  }

  /** Checks the whole pages in `bytes`, which start at `from` of the chunk (I13). */
  #verify(map: ChunkMap, place: ChunkPlace, from: number, bytes: Uint8Array): void {
    for (let page = from / PAGE_BYTES, at = 0; at < bytes.length; page++, at += PAGE_BYTES) {
      if (isPageVerified(place, page)) continue
      const whole = at === 0 && bytes.length <= PAGE_BYTES ? bytes : bytes.subarray(at, at + PAGE_BYTES)
      if (crc32(whole) !== place.crcs[page]) throw this.#damaged(map, place, page)
      setPageVerified(place, page)
    }
  }

  #damaged(map: ChunkMap, place: ChunkPlace, page: number): PfaofError {
    const where = `byte ${place.fileOffset + page * PAGE_BYTES} of file ${this.#fileId}, zone ${map.extent.zone} of ${map.medium.name}`
    return new PfaofError('PFAOF_CORRUPTION', `the page at ${where} is not what was written (I13)`)
  }

  #short(map: ChunkMap, place: ChunkPlace): PfaofError {
    const where = `zone ${map.extent.zone} of ${map.medium.name} at ${place.payloadAt}`
    return new PfaofError('PFAOF_CORRUPTION', `bytes of file ${this.#fileId} are missing in ${where}`)
  }
}
