/** Extents with page rows, checked as a whole (FORMAT.md I7): base, cover and pages of one data epoch. */
import { applyExtent, decodeExtent, type Segments } from '../format/extent.ts'
import { BASE_PART, COVER_PART, type ExtentKeyParts, extentKey, pagePart, parseExtentKey } from '../format/keys.ts'
import { pageBytes, pagesOf } from '../format/page.ts'
import type { Op } from '../op.ts'
import type { Bytes, Row, Tx } from '../store/store.ts'

/** Whether a part is among those that this file is about. */
export const isBasePart = (part: number): boolean => part === BASE_PART || part >= COVER_PART

/** What is wrong with the rows of an extent, and what they say together. */
export interface PagedVerdict {
  /** Undefined: no row that anybody reads. */
  readonly content: Segments | undefined
  /** Pages that the cover names and that cannot be read; all that there are when the cover cannot. */
  readonly lost: number
  /** Rows that no cover names. */
  readonly stray: readonly Row[]
  /** A page row says something outside of its page, or the cover has data. */
  readonly isMisshapen: boolean
}

/** Rows of one extent in one data epoch, taken in one by one. */
export class PagedExtent {
  readonly at: ExtentKeyParts
  readonly #extentBytes: number
  #base: Segments | undefined
  #cover: Segments | 'damaged' | undefined
  readonly #pages = new Map<number, { readonly row: Row; readonly segments: Segments | undefined }>()

  constructor(at: ExtentKeyParts, extentBytes: number) {
    this.at = at
    this.#extentBytes = extentBytes
  }

  /** `segments`: undefined for a damaged row. */
  add(part: number, row: Row, segments: Segments | undefined): void {
    if (part === BASE_PART) this.#base = segments
    else if (part === COVER_PART) this.#cover = segments ?? 'damaged'
    else this.#pages.set(part - pagePart(0), { row, segments })
  }

  verdict(): PagedVerdict {
    const isLost = this.#cover === 'damaged'
    const bytes = pageBytes(this.#extentBytes)
    // Without the cover every page that is there counts.
    const cover = Array.isArray(this.#cover)
      ? (this.#cover as Segments)
      : isLost
        ? [...this.#pages.keys()].map((n) => ({ offset: n * bytes, length: bytes, data: undefined }))
        : []
    const parts: Segments[] = [cover]
    let isMisshapen = cover.some(({ data }) => data !== undefined)
    let lost = isLost ? Math.max(1, this.#pages.size) : 0
    const named = new Set(pagesOf(cover, this.#extentBytes))
    for (const n of named) {
      const segments = this.#pages.get(n)?.segments
      if (segments === undefined) {
        if (!isLost) lost++
        continue
      }
      isMisshapen ||= segments.some(
        ({ offset, length, data }) => data === undefined || offset < n * bytes || offset + length > (n + 1) * bytes,
      )
      parts.push(segments)
    }
    const stray = [...this.#pages].filter(([n]) => !named.has(n)).map(([, { row }]) => row)
    const isThere = this.#base !== undefined || this.#cover !== undefined
    return { content: isThere ? applyExtent(this.#base, parts) : undefined, lost, stray, isMisshapen }
  }
}

/** What can be read of base, cover and pages of an extent in a data epoch, and the keys of all of them. */
export function* readableBase(
  tx: Pick<Tx, 'range'>,
  { ino, extentBytes }: { readonly ino: number; readonly extentBytes: number },
  epoch: number,
  index: number,
): Op<{ readonly content: Segments | undefined; readonly keys: readonly Bytes[] }> {
  const extent = new PagedExtent({ ino, epoch, index, part: BASE_PART }, extentBytes)
  const keys: Bytes[] = []
  const rows = yield* tx.range({
    gte: extentKey(ino, epoch, index, BASE_PART),
    lt: extentKey(ino, epoch, index + 1, BASE_PART),
  })
  for (const row of rows) {
    const part = parseExtentKey(row.key)?.part
    if (part === undefined || !isBasePart(part)) continue
    const verdict = decodeExtent(row.key, row.value)
    extent.add(part, row, verdict.ok ? verdict.value : undefined)
    keys.push(row.key)
  }
  return { content: extent.verdict().content, keys }
}
