/**
 * The tape files of one cartridge: finding them when it is loaded, writing pieces and indexes at the end, reading
 * blocks anywhere. One caller at a time.
 *
 *   T1  Data is written at the end of data only: the file number (or the block address) is compared first.
 *   T2  A file counts when its head names this cartridge, this life and its own number.
 *   T3  A piece has a trailer once its end was planned; without one it ends where its blocks end.
 */
import { crc32 } from '../checksum.ts'
import { MediumError } from '../error.ts'
import type { Bytes } from '../medium.ts'
import { TapeCatalog } from './tape-catalog.ts'
import {
  decodeHead,
  decodeIndex,
  decodeTrailer,
  encodeHead,
  encodeIndex,
  encodeTrailer,
  HEAD_BYTES,
  type TapeHead,
  type TapePiece,
  TRAILER_BYTES,
} from './tape-record.ts'
import type { TapeTransport } from './tape-transport.ts'

/** What happened on the drive since the cartridge was loaded. */
export interface TapeCounts {
  mounts: number
  /** Moves of the tape that were asked for. */
  seeks: number
  /** Times that the drive was started to write. */
  streams: number
  blocksWritten: number
  blocksRead: number
  indexes: number
}

/** Where it stands: file and block in it. */
interface Position {
  readonly file: number
  block: number
}

interface OpenPiece {
  readonly zone: number
  readonly file: number
  readonly offset: number
  readonly address: number
  bytes: number
}

export class TapeFiles {
  readonly catalog = new TapeCatalog()
  readonly counts: TapeCounts = { mounts: 1, seeks: 0, streams: 0, blocksWritten: 0, blocksRead: 0, indexes: 0 }
  readonly #transport: TapeTransport
  readonly #id: string
  life: number
  readonly blockBytes: number
  #at: Position | undefined
  #piece: OpenPiece | undefined
  /** The block read last, for reads that go on in it. */
  #cached: { readonly file: number; readonly block: number; readonly bytes: Bytes } | undefined
  readonly #scratch: Bytes
  /** The drive said that the end is near. The warning comes before the end: the same block is taken at the second try. */
  warned = false

  constructor(transport: TapeTransport, o: { id: string; life: number; blockBytes: number }) {
    this.#transport = transport
    this.#id = o.id
    this.life = o.life
    this.blockBytes = o.blockBytes
    this.#scratch = new Uint8Array(Math.max(transport.blockBytesMax, HEAD_BYTES))
  }

  // ---- moving and reading ----

  async #toFile(file: number, address = -1): Promise<void> {
    if (this.#at?.file === file && this.#at.block === 0) return
    this.#at = undefined
    this.counts.seeks++
    await this.#transport.toFile(file, address)
    this.#at = { file, block: 0 }
  }

  /** The next block, as a view that the next call overwrites; length 0 at a filemark. */
  async #block(): Promise<Bytes> {
    const at = this.#at
    try {
      const length = await this.#transport.readBlock(this.#scratch)
      this.counts.blocksRead++
      if (at !== undefined) this.#at = length === 0 ? { file: at.file + 1, block: 0 } : { ...at, block: at.block + 1 }
      return this.#scratch.subarray(0, length)
    } catch (error) {
      this.#at = undefined
      throw error
    }
  }

  /** T2; a file that cannot be read is none of ours. */
  async #head(file: number): Promise<TapeHead | undefined> {
    try {
      await this.#toFile(file)
      const head = decodeHead(await this.#block())
      return head?.id === this.#id && head.life === this.life && head.file === file ? head : undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EIO') return undefined
      if (error instanceof MediumError && error.code === 'MEDIA_IO') return undefined
      throw error
    }
  }

  /**
   * Number of tape files. A drive that cannot move must never pass for an empty cartridge: the place behind the last
   * file exists, so being unable to go there is an error.
   */
  async #count(): Promise<number> {
    await this.#toFile(1)
    const count = await this.#search()
    await this.#toFile(count)
    return count
  }

  /** What the drive says at the end of data, if that holds, otherwise searched for. */
  async #search(): Promise<number> {
    const said = await this.#transport.toEnd().catch(() => undefined)
    this.#at = undefined
    this.counts.seeks++
    if (said === 1 || (said !== undefined && said > 1 && (await this.#head(said - 1)) !== undefined)) {
      if ((await this.#head(said)) === undefined) return said
    }
    let none = 1
    while ((await this.#head(none)) !== undefined) none *= 2
    let some = none / 2
    while (none - some > 1) {
      const middle = Math.floor((some + none) / 2)
      if ((await this.#head(middle)) === undefined) none = middle
      else some = middle
    }
    return none
  }

  /** Learns what is on the cartridge: the last index, and the files behind it read through once. */
  async load(): Promise<void> {
    const { catalog } = this
    catalog.clear()
    catalog.files = await this.#count()
    let from = 1
    if (catalog.files > 1) {
      const last = await this.#head(catalog.files - 1)
      const index = last?.kind === 'index' ? last.file : (last?.lastIndex ?? 0)
      if (index > 0 && (await this.#loadIndex(index))) from = index + 1
    }
    for (let file = from; file < catalog.files; file++) await this.#loadFile(file)
    if (from > 1 && from === catalog.files) catalog.unindexed = 0
  }

  /** False for a damaged one: then every file is read. */
  async #loadIndex(file: number): Promise<boolean> {
    const head = await this.#head(file)
    if (head?.kind !== 'index') return false
    const parts: Bytes[] = []
    for (;;) {
      const block = await this.#block().catch(() => new Uint8Array(0))
      if (block.length === 0) break
      parts.push(block.slice())
    }
    const bytes = Uint8Array.from(Buffer.concat(parts)).subarray(0, head.offset)
    const index = bytes.length === head.offset && crc32(bytes) === head.crc ? decodeIndex(bytes) : undefined
    if (index === undefined || index.life !== this.life) return false
    this.catalog.load(index.zones)
    this.catalog.lastIndex = file
    this.catalog.generation = head.number
    return true
  }

  async #loadFile(file: number): Promise<void> {
    const address = await this.#addressOf(file)
    const head = await this.#head(file)
    if (head === undefined) throw new MediumError('MEDIA_IO', `the head of tape file ${file} cannot be read`)
    if (head.kind === 'index') {
      this.catalog.lastIndex = file
      this.catalog.generation = head.number
      return
    }
    let bytes = 0
    let full = false
    for (;;) {
      const block = await this.#block()
      if (block.length === 0) break
      const trailer = decodeTrailer(block)
      const ends = trailer?.id === this.#id && trailer.life === this.life && trailer.file === file
      if (ends && trailer.bytes === bytes) full = trailer.full
      else bytes += block.length
    }
    this.catalog.add(head.number, { file, offset: head.offset, bytes, address }, full)
  }

  async #addressOf(file: number): Promise<number> {
    if (!this.#transport.locates) return -1
    await this.#toFile(file)
    return (await this.#transport.tell()) ?? -1
  }

  /** Fills `into` from the piece's byte `offset` (in the zone) as far as the piece goes; returns how much. */
  async read(piece: TapePiece, offset: number, into: Bytes): Promise<number> {
    await this.endPiece(false)
    let done = 0
    while (done < into.length) {
      const at = offset + done - piece.offset
      if (at >= piece.bytes) break
      const number = Math.floor(at / this.blockBytes)
      const block = await this.#dataBlock(piece, number)
      const from = at - number * this.blockBytes
      const bytes = block.subarray(from, from + into.length - done)
      into.set(bytes, done)
      done += bytes.length
    }
    return done
  }

  async #dataBlock(piece: TapePiece, number: number): Promise<Bytes> {
    const { file, address } = piece
    if (this.#cached?.file === file && this.#cached.block === number) return this.#cached.bytes
    const target = number + 1
    if (this.#at?.file !== file || this.#at.block > target) {
      if (this.#transport.locates && address >= 0) {
        this.#at = undefined
        this.counts.seeks++
        await this.#transport.toAddress(address + target)
        this.#at = { file, block: target }
      } else await this.#toFile(file, address)
    }
    const at = this.#at!
    if (at.block < target) {
      this.#at = undefined
      this.counts.seeks++
      await this.#transport.skipBlocks(target - at.block)
      this.#at = { file, block: target }
    }
    const expected = Math.min(this.blockBytes, piece.bytes - number * this.blockBytes)
    const block = await this.#block()
    if (block.length !== expected) {
      throw new MediumError('MEDIA_IO', `block ${target} of tape file ${file}: ${block.length} bytes, not ${expected}`)
    }
    this.#cached = { file, block: number, bytes: block.slice() }
    return this.#cached.bytes
  }

  // ---- writing, at the end only ----

  async #toEnd(): Promise<number> {
    const { files } = this.catalog
    if (this.#at?.file !== files || this.#at.block !== 0) {
      const file = await this.#wind(files)
      if (file !== undefined && file !== files) {
        this.#at = undefined
        throw new MediumError('MEDIA_IO', `the tape stands at file ${file}, its end is file ${files} (T1)`)
      }
    }
    return (await this.#transport.tell()) ?? -1
  }

  /** Goes to the end of data; the number of the tape file there, where that is known. */
  async #wind(files: number): Promise<number | undefined> {
    if (this.#transport.locates) {
      // Without rewinding first, which is the other way to count filemarks.
      this.#at = undefined
      this.counts.seeks++
      const file = await this.#transport.toEnd()
      if (file === files) {
        this.#at = { file: files, block: 0 }
        return file
      }
    }
    await this.#toFile(files)
    return this.#transport.fileNumber()
  }

  async #write(block: Bytes): Promise<void> {
    try {
      try {
        await this.#transport.writeBlock(block)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        this.warned = true
        await this.#transport.writeBlock(block)
      }
      this.counts.blocksWritten++
      if (this.#at !== undefined) this.#at.block++
    } catch (error) {
      this.#at = undefined
      throw error
    }
  }

  async #endFile(): Promise<void> {
    const file = this.catalog.files
    this.#at = undefined
    await this.#transport.endFile()
    this.catalog.files = file + 1
    this.#at = { file: file + 1, block: 0 }
  }

  /** Bytes of `zone` that are on tape, an unfinished piece included. */
  written(zone: number): number {
    const piece = this.#piece
    return piece?.zone === zone ? piece.offset + piece.bytes : this.catalog.bytesOf(zone)
  }

  get streaming(): boolean {
    return this.#piece !== undefined
  }

  /** Appends one block (blockBytes, or less for the last) to the zone, which starts a piece when none is open. */
  async append(zone: number, block: Bytes): Promise<void> {
    const piece = this.#piece ?? (await this.#startPiece(zone))
    await this.#write(block)
    piece.bytes += block.length
  }

  async #startPiece(zone: number): Promise<OpenPiece> {
    const address = await this.#toEnd()
    const { files: file, lastIndex } = this.catalog
    const offset = this.catalog.bytesOf(zone)
    const { life, blockBytes } = this
    const head = {
      id: this.#id,
      life,
      file,
      kind: 'piece',
      lastIndex,
      number: zone,
      blockBytes,
      offset,
      crc: 0,
    } as const
    await this.#write(encodeHead(head))
    this.counts.streams++
    this.#piece = { zone, file, offset, address, bytes: 0 }
    return this.#piece
  }

  /** Ends the piece under way, if there is one; when this returns its bytes are on tape. */
  async endPiece(full: boolean): Promise<void> {
    const piece = this.#piece
    if (piece === undefined) return
    this.#piece = undefined
    const { zone, file, offset, bytes, address } = piece
    let failure: unknown
    try {
      await this.#write(encodeTrailer({ id: this.#id, life: this.life, file, bytes, full }))
    } catch (error) {
      // At the end of the tape there may be no room for it; the filemark still ends the piece (T3).
      failure = error
    }
    await this.#endFile()
    this.catalog.add(zone, { file, offset, bytes, address }, full && failure === undefined)
    if (failure !== undefined && full) throw failure
  }

  /** Ends the zone: with the piece under way, or with an empty one. */
  async finishZone(zone: number): Promise<void> {
    if (this.#piece === undefined) await this.#startPiece(zone)
    await this.endPiece(true)
  }

  /** After a failed write: what is on tape of the piece stays, behind a filemark. */
  async abandonPiece(): Promise<void> {
    const piece = this.#piece
    this.#piece = undefined
    if (piece === undefined) return
    const { zone, file, offset, bytes, address } = piece
    await this.#endFile()
    this.catalog.add(zone, { file, offset, bytes, address }, false)
  }

  /** Writes an index of everything, a new generation. */
  async writeIndex(): Promise<void> {
    await this.endPiece(false)
    const { catalog, life, blockBytes } = this
    await this.#toEnd()
    const { files: file, lastIndex } = catalog
    const generation = catalog.generation + 1
    const bytes = encodeIndex(generation, life, catalog.indexed())
    const head: TapeHead = {
      ...{ id: this.#id, life, file, kind: 'index', lastIndex, number: generation, blockBytes },
      offset: bytes.length,
      crc: crc32(bytes),
    }
    await this.#write(encodeHead(head))
    for (let at = 0; at < bytes.length; at += blockBytes) await this.#write(bytes.slice(at, at + blockBytes))
    await this.#endFile()
    catalog.lastIndex = file
    catalog.generation = generation
    catalog.unindexed = 0
    this.counts.indexes++
  }

  /** Writes the first block anew, which ends the data there: everything behind it is gone. */
  async erase(superblock: Bytes, life: number): Promise<void> {
    this.#piece = undefined
    this.#cached = undefined
    this.#at = undefined
    this.warned = false
    await this.#transport.endFile()
    await this.#toFile(0)
    this.catalog.clear()
    this.catalog.files = 0
    this.life = life
    await this.#write(superblock)
    await this.#endFile()
  }
}

/** Room that a piece takes beside its data: head and trailer. */
export const PIECE_BYTES = HEAD_BYTES + TRAILER_BYTES
