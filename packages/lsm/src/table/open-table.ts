import { openFrame } from '../block/frame.ts'
import { LevelError } from '../error.ts'
import { Filter } from '../filter/bloom.ts'
import type { Op } from '../op.ts'
import { RangeTombstones } from '../range-tombstones.ts'
import type { TableMeta } from '../table-meta.ts'
import { type BlockPlace, decodeFooter, endOffset, FOOTER_BYTES, HEADER_BYTES } from './layout.ts'
import { decodeProperties, type TableProperties } from './properties.ts'
import type { RandomReader } from './random-reader.ts'
import { decodeRangeTombstones } from './range-tombstone-block.ts'
import { TableIndex } from './table-index.ts'

/** What stays in memory of an open table. */
export interface TableParts {
  index: TableIndex
  filter: Filter | undefined
  prefixFilter: Filter | undefined
  filterBytes: number
  rangeTombstones: RangeTombstones
  properties: TableProperties
}

/** Everything of a table but its data blocks, read in two reads and checked. LEVEL_CORRUPTION, LEVEL_FORMAT. */
export function* openTable(file: RandomReader, meta: Pick<TableMeta, 'number' | 'bytes'>): Op<TableParts> {
  const damage = (what: string) => new LevelError('LEVEL_CORRUPTION', `table-${meta.number}: ${what}`)
  const { size } = file
  if (size !== meta.bytes) throw damage(`${size} bytes where ${meta.bytes} were promised`)
  if (size < HEADER_BYTES + FOOTER_BYTES) throw damage(`only ${size} bytes`)
  const tail = Buffer.allocUnsafeSlow(FOOTER_BYTES)
  if ((yield* file.read(size - FOOTER_BYTES, tail)) !== FOOTER_BYTES) throw damage('it ends before its footer')
  const footer = decodeFooter(tail, size)
  if ('damage' in footer) throw damage(footer.damage)
  if ('later' in footer) throw new LevelError('LEVEL_FORMAT', `table-${meta.number}: ${footer.later}`)

  const start = endOffset(footer)
  const region = Buffer.allocUnsafeSlow(size - FOOTER_BYTES - start)
  if ((yield* file.read(start, region)) !== region.length) throw damage('it ends before its footer')
  const payload = (place: BlockPlace, what: string): Buffer => {
    const opened = openFrame(region.subarray(place.offset - start, place.offset - start + place.bytes), true)
    if (typeof opened === 'string') throw damage(`${what}: ${opened}`)
    return opened
  }
  const filter = (place: BlockPlace, what: string): Filter | undefined => {
    if (place.bytes === 0) return undefined
    return Filter.decode(Buffer.from(payload(place, what))) ?? fail(damage(`${what}: it is none`))
  }

  const properties = decodeProperties(payload(footer.properties, 'properties'))
  if (properties === undefined) throw damage('properties: they make no sense')
  if (properties.number !== meta.number) throw damage(`it is table-${properties.number}`)
  const index = TableIndex.decode(payload(footer.index, 'index'), start)
  if (index === undefined || index.blocks !== properties.blocks) throw damage('index: it makes no sense')
  const { rangeTombstones: place } = footer
  const rangeTombstones =
    place.bytes === 0
      ? new RangeTombstones()
      : (decodeRangeTombstones(payload(place, 'range tombstones')) ??
        fail(damage('range tombstones: they make no sense')))
  return {
    index,
    filter: filter(footer.filter, 'filter'),
    prefixFilter: filter(footer.prefixFilter, 'prefix filter'),
    filterBytes: footer.filter.bytes + footer.prefixFilter.bytes,
    rangeTombstones,
    properties,
  }
}

function fail(error: Error): never {
  throw error
}
