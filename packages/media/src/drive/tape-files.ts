/**
 * The tape files of one cartridge: writing pieces and indexes at the end, reading blocks anywhere. One caller at a time.
 *
 *   T1  Data is written at the end of data only: the number of the tape file is compared first.
 */
import { crc32 } from '../checksum.ts'
import { MediumError } from '../error.ts'
import type { Bytes } from '../medium.ts'
import { TapeCatalog } from './tape-catalog.ts'
import { TapeLoader } from './tape-load.ts'
import { type TapeCounts, TapePosition } from './tape-position.ts'
import {
  encodeHead,
  encodeIndex,
  encodeTrailer,
  HEAD_BYTES,
  type TapeHead,
  type TapePiece,
  TRAILER_BYTES,
} from './tape-record.ts'
import type { TapeTransport } from './tape-transport.ts'

interface OpenPiece {
  readonly zone: number
  readonly file: number
  readonly offset: number
  readonly address: number
  bytes: number
}

export class TapeFiles {
  readonly catalog = new TapeCatalog()
  readonly #position: TapePosition
  readonly #id: string
  life: number
  readonly blockBytes: number
  #piece: OpenPiece | undefined
  /** The block read last, for reads that go on in it. */
  #cached: { readonly file: number; readonly block: number; readonly bytes: Bytes } | undefined

  constructor(transport: TapeTransport, o: { id: string; life: number; blockBytes: number }) {
    this.#position = new TapePosition(transport)
    this.#id = o.id
    this.life = o.life
    this.blockBytes = o.blockBytes
  }

  get counts(): TapeCounts {
    return this.#position.counts
  }

  /** The drive said that the end is near. */
  get warned(): boolean {
    return this.#position.warned
  }

  /** Learns what is on the cartridge. */
  async load(): Promise<void> {
    await new TapeLoader(this.#position, this.catalog, { id: this.#id, life: this.life }).load()
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
    await this.#position.toBlock(file, target, address)
    const expected = Math.min(this.blockBytes, piece.bytes - number * this.blockBytes)
    const block = await this.#position.read()
    if (block.length !== expected) {
      throw new MediumError('MEDIA_IO', `block ${target} of tape file ${file}: ${block.length} bytes, not ${expected}`)
    }
    this.#cached = { file, block: number, bytes: block.slice() }
    return this.#cached.bytes
  }

  // ---- writing, at the end only ----

  /** T1; the block address there. */
  async #toEnd(): Promise<number> {
    const { files } = this.catalog
    const file = await this.#position.toEnd(files)
    if (file !== undefined && file !== files) {
      await this.#position.settle()
      throw new MediumError('MEDIA_IO', `the tape stands at file ${file}, its end is file ${files} (T1)`)
    }
    return this.#position.address()
  }

  async #endFile(): Promise<void> {
    const file = this.catalog.files
    await this.#position.endFile(file)
    this.catalog.files = file + 1
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
    await this.#position.write(block)
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
    await this.#position.write(encodeHead(head))
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
      await this.#position.write(encodeTrailer({ id: this.#id, life: this.life, file, bytes, full }))
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
    await this.#position.write(encodeHead(head))
    for (let at = 0; at < bytes.length; at += blockBytes) await this.#position.write(bytes.slice(at, at + blockBytes))
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
    this.#position.warned = false
    await this.#position.settle()
    await this.#position.toFile(0)
    this.catalog.clear()
    this.catalog.files = 0
    this.life = life
    await this.#position.write(superblock)
    await this.#endFile()
  }
}

/** Room that a piece takes beside its data: head and trailer. */
export const PIECE_BYTES = HEAD_BYTES + TRAILER_BYTES
