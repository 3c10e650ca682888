import { type Bytes, compareBytes } from '../bytes.ts'
import type { KeyRange } from '../version/table-range.ts'
import type { ScanBounds } from './user-cursor.ts'

export const EVERYTHING: ScanBounds = {
  lower: undefined,
  lowerIncluded: true,
  upper: undefined,
  upperIncluded: true,
}

/** Range options with encoded keys, as abstract-level hands them down. */
export interface RangeOptions {
  readonly gt?: Bytes | string | undefined
  readonly gte?: Bytes | string | undefined
  readonly lt?: Bytes | string | undefined
  readonly lte?: Bytes | string | undefined
}

function bytesOf(key: Bytes | string): Bytes {
  return typeof key === 'string' ? Buffer.from(key, 'utf8') : key
}

export function boundsOf(o: RangeOptions): ScanBounds {
  const lower = o.gte ?? o.gt
  const upper = o.lte ?? o.lt
  if (lower === undefined && upper === undefined) return EVERYTHING
  return {
    lower: lower === undefined ? undefined : bytesOf(lower),
    lowerIncluded: o.gte !== undefined,
    upper: upper === undefined ? undefined : bytesOf(upper),
    upperIncluded: o.lte !== undefined,
  }
}

export function isEmptyRange(bounds: ScanBounds): boolean {
  const { lower, upper } = bounds
  if (lower === undefined || upper === undefined)
    return upper !== undefined && upper.length === 0 && !bounds.upperIncluded
  const order = compareBytes(lower, upper)
  return order > 0 || (order === 0 && !(bounds.lowerIncluded && bounds.upperIncluded))
}

/** No key of the table is in the range. */
export function isOutside(bounds: ScanBounds, table: KeyRange): boolean {
  const { lower, upper } = bounds
  if (lower !== undefined) {
    const order = compareBytes(table.largest, lower)
    if (order < 0 || (order === 0 && !(bounds.lowerIncluded && table.largestIncluded))) return true
  }
  if (upper === undefined) return false
  const order = compareBytes(table.smallest, upper)
  return order > 0 || (order === 0 && !bounds.upperIncluded)
}

/** The first key behind `key`. */
export function keyAfter(key: Bytes): Buffer {
  const after = Buffer.alloc(key.length + 1)
  after.set(key)
  return after
}
