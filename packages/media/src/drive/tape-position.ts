/** Where the tape stands, and moves of it that are not made twice; everything that the drive did is counted here. */
import type { Bytes } from '../medium.ts'
import { HEAD_BYTES } from './tape-record.ts'
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
interface Place {
  readonly file: number
  block: number
}

export class TapePosition {
  readonly counts: TapeCounts = { mounts: 1, seeks: 0, streams: 0, blocksWritten: 0, blocksRead: 0, indexes: 0 }
  /** The drive said that the end is near. The warning comes before the end: the same block is taken at the second try. */
  warned = false
  readonly #transport: TapeTransport
  readonly #scratch: Bytes
  /** undefined after a failure: then every move is made. */
  #at: Place | undefined

  constructor(transport: TapeTransport) {
    this.#transport = transport
    this.#scratch = new Uint8Array(Math.max(transport.blockBytesMax, HEAD_BYTES))
  }

  /** A move: counted, and the place is unknown until it succeeded. */
  async #move(place: Place, run: () => Promise<void>): Promise<void> {
    this.#at = undefined
    this.counts.seeks++
    await run()
    this.#at = place
  }

  /** To the first block of a tape file. */
  async toFile(file: number, address = -1): Promise<void> {
    if (this.#at?.file === file && this.#at.block === 0) return
    await this.#move({ file, block: 0 }, () => this.#transport.toFile(file, address))
  }

  /** To a block of a tape file; `address` is that of the file's first block, -1 where it is not known. */
  async toBlock(file: number, block: number, address: number): Promise<void> {
    if (this.#at?.file !== file || this.#at.block > block) {
      if (this.#transport.locates && address >= 0) {
        await this.#move({ file, block }, () => this.#transport.toAddress(address + block))
      } else await this.toFile(file, address)
    }
    const skip = block - this.#at!.block
    if (skip > 0) await this.#move({ file, block }, () => this.#transport.skipBlocks(skip))
  }

  /** To the end of data, behind `files` tape files; the number of files that the drive counts there, where it can. */
  async toEnd(files: number): Promise<number | undefined> {
    if (this.#at?.file === files && this.#at.block === 0) return files
    if (this.#transport.locates) {
      // Without rewinding first, which is the other way to count filemarks.
      const file = await this.count()
      if (file === files) {
        this.#at = { file: files, block: 0 }
        return file
      }
    }
    await this.toFile(files)
    return this.#transport.fileNumber()
  }

  /** Winds to the end of data; the number of tape files there, where the drive can tell. */
  async count(): Promise<number | undefined> {
    this.#at = undefined
    this.counts.seeks++
    return this.#transport.toEnd()
  }

  /** The block address where it stands, -1 where the drive cannot say. */
  async address(): Promise<number> {
    return (await this.#transport.tell()) ?? -1
  }

  get locates(): boolean {
    return this.#transport.locates
  }

  /** The next block, as a view that the next call overwrites; length 0 at a filemark. */
  async read(): Promise<Bytes> {
    const at = this.#at
    this.#at = undefined
    const length = await this.#transport.readBlock(this.#scratch)
    this.counts.blocksRead++
    if (at !== undefined) this.#at = length === 0 ? { file: at.file + 1, block: 0 } : { ...at, block: at.block + 1 }
    return this.#scratch.subarray(0, length)
  }

  async write(block: Bytes): Promise<void> {
    const at = this.#at
    this.#at = undefined
    try {
      await this.#transport.writeBlock(block)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      this.warned = true
      await this.#transport.writeBlock(block)
    }
    this.counts.blocksWritten++
    if (at !== undefined) this.#at = { ...at, block: at.block + 1 }
  }

  /** Ends tape file `file`, which is being written: the durability point. */
  async endFile(file: number): Promise<void> {
    this.#at = undefined
    await this.#transport.endFile()
    this.#at = { file: file + 1, block: 0 }
  }

  /** Forgets where it stands, and ends what was being written. */
  async settle(): Promise<void> {
    this.#at = undefined
    await this.#transport.endFile()
  }
}
