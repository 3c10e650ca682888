/**
 * Pages with rows of their own, in front of the base row of their extent (FORMAT.md, "Extent"): a write of a page costs a page,
 * wherever in the file it lands. The cover has a hole for every page that has a row, and no data.
 */
import type { Segments } from './extent.ts'

const PAGES_MAX = 128
const PAGES_USUAL = 16
const PAGE_BYTES_USUAL = 4096

/** Bytes of a page; `extentBytes` is a whole number of them, at least 16 and at most 128. */
export const pageBytes = (extentBytes: number): number =>
  Math.max(extentBytes / PAGES_MAX, Math.min(PAGE_BYTES_USUAL, extentBytes / PAGES_USUAL))

/** The numbers of the pages that a cover names, ascending. */
export function pagesOf(cover: Segments, extentBytes: number): number[] {
  const bytes = pageBytes(extentBytes)
  const pages: number[] = []
  for (const { offset, length } of cover) {
    const end = Math.min(offset + length, extentBytes)
    for (let n = Math.floor(offset / bytes); n * bytes < end; n++) pages.push(n)
  }
  return pages
}
