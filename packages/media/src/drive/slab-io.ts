/**
 * Reads and writes of whole blocks past the page cache, from page-aligned slabs, in both forms. Direct I/O demands that
 * memory, position and length are aligned; callers' buffers are not, so bytes pass through a slab: a bounded number of
 * slabs is also what bounds the requests under way.
 */
import { read as readCallback, readSync, write as writeCallback, writeSync } from 'node:fs'
import { MediumError } from '../error.ts'
import type { Bytes } from '../medium.ts'
import { alignedBytes, type Slab, SlabPool } from '../slab.ts'

const writeLater = (fd: number, bytes: Bytes, length: number, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    writeCallback(fd, bytes, 0, length, position, (error, written) => (error ? reject(error) : resolve(written)))
  })
const readLater = (fd: number, bytes: Bytes, length: number, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    readCallback(fd, bytes, 0, length, position, (error, read) => (error ? reject(error) : resolve(read)))
  })

/** Walks over the concatenation of `parts`, a slab at a time. */
class PartReader {
  readonly #parts: readonly Bytes[]
  #part = 0
  #at = 0

  constructor(parts: readonly Bytes[]) {
    this.#parts = parts
  }

  /** Copies as much as fits; returns how much. */
  fill(into: Bytes): number {
    let done = 0
    while (done < into.length && this.#part < this.#parts.length) {
      const part = this.#parts[this.#part]!
      const piece = part.subarray(this.#at, this.#at + into.length - done)
      into.set(piece, done)
      done += piece.length
      this.#at += piece.length
      if (this.#at < part.length) break
      this.#part++
      this.#at = 0
    }
    return done
  }
}

/** Where aligned requests for bytes [position, position + length) begin and end. */
interface Window {
  readonly from: number
  readonly length: number
  /** Bytes to skip at the front. */
  readonly skip: number
}

export class SlabIo {
  readonly blockBytes: number
  readonly #pool: SlabPool
  /** For synchronous calls, which never overlap. */
  readonly #own: Slab

  /** @param slabBytes of one request at most, a multiple of `blockBytes`; `slabs` of them may be under way. */
  constructor(blockBytes: number, slabBytes: number, slabs: number) {
    this.blockBytes = blockBytes
    this.#pool = new SlabPool(slabBytes, slabs)
    this.#own = { bytes: alignedBytes(slabBytes) }
  }

  /** Writes all of `parts` at `position`; both whole blocks. A short write is continued, none at all is an error. */
  async write(fd: number, parts: readonly Bytes[], position: number): Promise<void> {
    const reader = new PartReader(parts)
    const slab = await this.#pool.take()
    try {
      for (let at = position; ; ) {
        const length = reader.fill(slab.bytes)
        if (length === 0) return
        for (let done = 0; done < length; ) {
          const rest = slab.bytes.subarray(done)
          done += progress(await writeLater(fd, rest, length - done, at + done), at + done)
        }
        at += length
      }
    } finally {
      this.#pool.give(slab)
    }
  }

  writeNow(fd: number, parts: readonly Bytes[], position: number): void {
    const reader = new PartReader(parts)
    const { bytes } = this.#own
    for (let at = position; ; ) {
      const length = reader.fill(bytes)
      if (length === 0) return
      for (let done = 0; done < length; ) {
        done += progress(writeSync(fd, bytes, done, length - done, at + done), at + done)
      }
      at += length
    }
  }

  /** The aligned request for as much of what is left as a slab holds. */
  #window(position: number, left: number, slabBytes: number): Window {
    const skip = position % this.blockBytes
    const length = Math.min(slabBytes, Math.ceil((skip + left) / this.blockBytes) * this.blockBytes)
    return { from: position - skip, length, skip }
  }

  /** Fills `into` from `position` (any alignment) as far as the device goes; returns the bytes. */
  async read(fd: number, position: number, into: Bytes): Promise<number> {
    const slab = await this.#pool.take()
    try {
      let done = 0
      while (done < into.length) {
        const { from, length, skip } = this.#window(position + done, into.length - done, slab.bytes.length)
        const read = await readLater(fd, slab.bytes, length, from)
        if (read <= skip) break
        const piece = slab.bytes.subarray(skip, Math.min(read, skip + into.length - done))
        into.set(piece, done)
        done += piece.length
      }
      return done
    } finally {
      this.#pool.give(slab)
    }
  }

  readNow(fd: number, position: number, into: Bytes): number {
    const { bytes } = this.#own
    let done = 0
    while (done < into.length) {
      const { from, length, skip } = this.#window(position + done, into.length - done, bytes.length)
      const read = readSync(fd, bytes, 0, length, from)
      if (read <= skip) break
      const piece = bytes.subarray(skip, Math.min(read, skip + into.length - done))
      into.set(piece, done)
      done += piece.length
    }
    return done
  }
}

function progress(written: number, position: number): number {
  if (written <= 0) throw new MediumError('MEDIA_SHORT_WRITE', `nothing was written at ${position}`)
  return written
}
