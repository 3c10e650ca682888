import { type Block, decodeHead, type EntryHead, TAG_BYTES } from '../block/block.ts'

const head: EntryHead = { shared: 0, unshared: 0, valueBytes: 0 }

/** The entries from one restart point on, unpacked so that they can be walked backward. Reused. */
export class RestartInterval {
  restart = 0
  count = 0
  /** The entry that is shown. */
  position = 0
  /** Where entries, their tags and their values start in the block; of entries and values also where the last ends. */
  readonly starts: number[] = [0]
  readonly tags: number[] = [0]
  readonly valueStarts: number[] = [0]
  /** Whole keys, one after the other, and where each starts; one more start than entries. */
  keys: Buffer = Buffer.allocUnsafe(1024)
  readonly keyStarts: number[] = [0]

  /** Unpacks the entries from restart point `restart` up to `limit`; false: they make no sense. */
  fill(block: Block, restart: number, limit: number): boolean {
    const { bytes } = block
    const { starts, tags, valueStarts, keyStarts } = this
    let at = block.restartAt(restart)
    let value = block.valueAt(restart)
    let count = 0
    let keyStart = 0
    let keyEnd = 0
    keyStarts[0] = 0
    while (at < limit) {
      const tag = decodeHead(bytes, at, limit, head)
      const { shared, unshared } = head
      if (tag < 0 || shared > keyEnd - keyStart) return false
      const keyAt = tag + TAG_BYTES
      const nextEnd = keyEnd + shared + unshared
      if (nextEnd > this.keys.length) this.#grow(keyEnd, nextEnd)
      this.keys.copyWithin(keyEnd, keyStart, keyStart + shared)
      bytes.copy(this.keys, keyEnd + shared, keyAt, keyAt + unshared)
      starts[count] = at
      tags[count] = tag
      valueStarts[count] = value
      at = keyAt + unshared
      value += head.valueBytes
      count++
      keyStart = keyEnd
      keyEnd = nextEnd
      keyStarts[count] = keyEnd
    }
    starts[count] = at
    valueStarts[count] = value
    this.restart = restart
    this.count = count
    return count > 0 && value <= block.entriesStart
  }

  #grow(keep: number, bytes: number): void {
    const grown = Buffer.allocUnsafe(bytes * 2)
    this.keys.copy(grown, 0, 0, keep)
    this.keys = grown
  }
}
