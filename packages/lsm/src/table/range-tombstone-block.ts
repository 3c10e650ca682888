import { ByteReader, ByteWriter } from '@vivefs/pfaof'
import { compareBytes } from '../bytes.ts'
import { type RangeFragment, RangeTombstones } from '../range-tombstones.ts'

/** The range tombstones of a table, drawn in FORMAT.md ("Range tombstones"). */
export function encodeRangeTombstones(fragments: readonly RangeFragment[]): Buffer {
  const writer = new ByteWriter()
  writer.varint(fragments.length)
  for (const { from, to, sequences } of fragments) {
    writer.varint(from.length).raw(from).varint(to.length).raw(to).varint(sequences.length)
    for (const sequence of sequences) writer.varint(sequence)
  }
  return writer.take()
}

/** Undefined: these bytes are no sorted disjoint fragments (T4). Copies the keys. */
export function decodeRangeTombstones(payload: Buffer): RangeTombstones | undefined {
  const reader = new ByteReader(payload)
  const fragments: RangeFragment[] = []
  const count = reader.count(4)
  for (let i = 0; i < count; i++) {
    const from = Buffer.from(reader.raw(reader.varint()))
    const to = Buffer.from(reader.raw(reader.varint()))
    const sequences: number[] = []
    const tombstones = reader.count(1)
    for (let j = 0; j < tombstones; j++) {
      const sequence = reader.varint()
      if (j > 0 && sequence >= sequences[j - 1]!) return undefined
      sequences.push(sequence)
    }
    if (!reader.ok || tombstones === 0 || compareBytes(from, to) >= 0) return undefined
    if (i > 0 && compareBytes(fragments[i - 1]!.to, from) > 0) return undefined
    fragments.push({ from, to, sequences })
  }
  return reader.ok && reader.left === 0 ? RangeTombstones.of(fragments) : undefined
}
