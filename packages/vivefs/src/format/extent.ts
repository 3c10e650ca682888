/**
 * The extent row and the one function that combines extents (FORMAT.md, "Extent").
 *
 *     frame (extra = number of segments) | { offset32, length32 } ... | the segments' data, concatenated
 *
 * Segments are sorted and disjoint; the top bit of `length32` marks a hole, which carries no data. A base row has no
 * holes: what it does not cover reads as zero. A partial row says "these bytes changed": its holes erase.
 *
 * Law (property-tested): fold(fold(a, b), c) = fold(a, fold(b, c)), and folding partial rows early or late gives one
 * content.
 */
import type { Bytes } from '../store/store.ts'
import { asBuffer, check, extraOf, FRAME_BYTES, frame, RowKind, seal, type Verdict, viewOf } from './row.ts'

export const EXTENT_VERSION = 1
export const EXTENT_BYTES_DEFAULT = 65_536
export const EXTENT_BYTES_MIN = 4_096
export const EXTENT_BYTES_MAX = 16 * 1024 * 1024

const ENTRY_BYTES = 8
const HOLE = 0x8000_0000
const LENGTH = 0x7fff_ffff
const SEGMENTS_MAX = 0xffff

/** A run of bytes at `offset` within its extent; without data it is a hole of `length` bytes. */
export interface Segment {
  readonly offset: number
  readonly length: number
  readonly data: Bytes | undefined
}

export type Segments = readonly Segment[]

/** The bytes of data (holes excluded). */
export function allocatedBytes(segments: Segments): number {
  let bytes = 0
  for (const segment of segments) if (segment.data !== undefined) bytes += segment.length
  return bytes
}

/**
 * What `over` leaves of `under`, together with `over`: sorted and disjoint. Data is shared with the arguments, never
 * copied. With `base`, holes are dropped from the result, as in a base row.
 */
export function fold(under: Segments, over: Segments, base: boolean): Segments {
  if (over.length === 0 && !base) return under
  const out: Segment[] = []
  const keep = (segment: Segment): void => {
    if (!base || segment.data !== undefined) out.push(segment)
  }
  let next = 0
  for (const segment of under) {
    let from = segment.offset
    const to = segment.offset + segment.length
    while (next < over.length && over[next].offset + over[next].length <= from) keep(over[next++])
    let scan = next
    while (scan < over.length && over[scan].offset < to) {
      const cover = over[scan]
      if (cover.offset > from) keep(cut(segment, from, cover.offset))
      from = cover.offset + cover.length
      if (from > to) break
      keep(cover)
      scan++
    }
    next = scan
    if (from < to) keep(cut(segment, from, to))
  }
  while (next < over.length) keep(over[next++])
  return out
}

/** All rows of one extent: the base, then partial rows in the order they were written. */
export const applyExtent = (base: Segments | undefined, operands: readonly Segments[]): Segments =>
  operands.reduce((segments, operand) => fold(segments, operand, true), base ?? [])

/** The part of a segment between two offsets of its extent. */
function cut(segment: Segment, from: number, to: number): Segment {
  if (from === segment.offset && to === segment.offset + segment.length) return segment
  return {
    offset: from,
    length: to - from,
    data: segment.data?.subarray(from - segment.offset, to - segment.offset),
  }
}

/** Copies what the segments hold of [from, from + into.length) of the extent; the rest of `into` becomes zero. */
export function copyOut(segments: Segments, from: number, into: Bytes): void {
  const to = from + into.length
  let filled = from
  for (const { offset, length, data } of segments) {
    if (offset + length <= from || data === undefined) continue
    if (offset >= to) break
    const start = Math.max(offset, from)
    const end = Math.min(offset + length, to)
    if (start > filled) into.fill(0, filled - from, start - from)
    into.set(data.subarray(start - offset, end - offset), start - from)
    filled = end
  }
  if (filled < to) into.fill(0, filled - from)
}

/** Whether a segment continues the one before it, so that both are one entry on disk. */
const continues = (before: Segment, segment: Segment): boolean =>
  before.offset + before.length === segment.offset && (before.data === undefined) === (segment.data === undefined)

/** The row. Neighbouring segments become one entry; the data is copied. */
export function encodeExtent(key: Bytes, segments: Segments): Buffer {
  let entries = 0
  let bytes = 0
  for (let i = 0; i < segments.length; i++) {
    if (i === 0 || !continues(segments[i - 1], segments[i])) entries++
    if (segments[i].data !== undefined) bytes += segments[i].length
  }
  if (entries > SEGMENTS_MAX) throw new RangeError(`an extent of ${entries} segments`)
  const row = frame(RowKind.extent, EXTENT_VERSION, entries * ENTRY_BYTES + bytes, entries)
  const view = viewOf(row)
  let entry = FRAME_BYTES - ENTRY_BYTES
  let data = FRAME_BYTES + entries * ENTRY_BYTES
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]
    if (i > 0 && continues(segments[i - 1], segment)) {
      const at = row.byteOffset + entry + 4
      view.setUint32(at, view.getUint32(at) + segment.length)
    } else {
      entry += ENTRY_BYTES
      view.setUint32(row.byteOffset + entry, segment.offset)
      view.setUint32(row.byteOffset + entry + 4, segment.length | (segment.data === undefined ? HOLE : 0))
    }
    if (segment.data !== undefined) {
      row.set(segment.data, data)
      data += segment.length
    }
  }
  return seal(key, row)
}

/** The segments that a row was made of, with their data as views of the row. */
export function inRow(row: Buffer, segments: Segments): Segments {
  let data = row.length - allocatedBytes(segments)
  return segments.map((segment) => {
    if (segment.data === undefined) return segment
    data += segment.length
    return { offset: segment.offset, length: segment.length, data: row.subarray(data - segment.length, data) }
  })
}

/** The segments of a row, as views of it, or why there are none. Never throws. */
export function decodeExtent(key: Bytes, bytes: Bytes): Verdict<Segments> {
  const fault = check(key, bytes, RowKind.extent, EXTENT_VERSION)
  if (fault !== undefined) return { ok: false, fault }
  const row = asBuffer(bytes)
  const entries = extraOf(row)
  let data = FRAME_BYTES + entries * ENTRY_BYTES
  if (row.length < data) return { ok: false, fault: 'short' }
  const segments: Segment[] = []
  let end = 0
  for (let i = 0; i < entries; i++) {
    const entry = FRAME_BYTES + i * ENTRY_BYTES
    const offset = row.readUInt32BE(entry)
    const word = row.readUInt32BE(entry + 4)
    const length = word & LENGTH
    const hole = word >= HOLE
    if (length === 0 || offset < end || offset + length > EXTENT_BYTES_MAX) return { ok: false, fault: 'shape' }
    if (!hole && data + length > row.length) return { ok: false, fault: 'short' }
    segments.push({ offset, length, data: hole ? undefined : row.subarray(data, data + length) })
    if (!hole) data += length
    end = offset + length
  }
  return data === row.length ? { ok: true, value: segments } : { ok: false, fault: 'shape' }
}
