/**
 * A tape drive through the kernel's st driver and the standard program `mt` (mt-st): reads and writes on the no-rewind
 * node, positions by command. The node must be closed for a command, and keeps its position; closing after a write
 * writes a filemark and is the durability point. Variable block mode: one write is one block.
 *
 * Source: Documentation/scsi/st.rst; behaviour tried on Linux 6.12.
 */
import {
  close as closeCallback,
  constants,
  open as openCallback,
  read as readCallback,
  write as writeCallback,
} from 'node:fs'
import { promisify } from 'node:util'
import { isMediumError, MediumError } from '../error.ts'
import type { Bytes } from '../medium.ts'
import { deviceError, statDevice } from './claim.ts'
import { runCommand } from './command.ts'
import type { TapeTransport } from './tape-transport.ts'

const open = promisify(openCallback)
const close = promisify(closeCallback)
const MAJOR_TAPE = 9
/** Above it the drive counts wrong: some report the end as a huge number. */
const FILES_MAX = 1 << 22
const BLOCK_BYTES_MAX = 1 << 20

/** What `mt status` says. */
export interface TapeStatus {
  readonly online: boolean
  readonly empty: boolean
  readonly writeProtected: boolean
  /** -1: unknown. */
  readonly file: number
  readonly block: number
}

/** Reads the text of `mt status`; unknown numbers are -1. */
export function parseStatus(text: string): TapeStatus {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? -1)
  const flags = new Set(text.slice(text.search(/General status bits/)).split(/\s+/))
  return {
    online: flags.has('ONLINE'),
    empty: flags.has('DR_OPEN'),
    writeProtected: flags.has('WR_PROT'),
    file: number(/File number=(-?\d+)/),
    block: number(/block number=(-?\d+)/),
  }
}

/** The number of the drive, the same for all its nodes (st0, nst0, nst0a ...). */
export function driveNumberOf(path: string): number {
  const stat = statDevice(path)
  const major = (stat.rdev >> 8) & 0xfff
  if (!stat.isCharacterDevice() || major !== MAJOR_TAPE) {
    throw new MediumError('MEDIA_WRONG_DEVICE', `${path} is not a tape drive`)
  }
  const minor = (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00)
  if ((minor & 0x80) === 0) {
    throw new MediumError('MEDIA_WRONG_DEVICE', `${path} rewinds at each close; use its no-rewind node (nst)`)
  }
  return (minor & 0x1f) | ((minor & ~0xff) >> 3)
}

export class StTransport implements TapeTransport {
  readonly blockBytesMax = BLOCK_BYTES_MAX
  readonly locates: boolean
  readonly writeProtected: boolean
  readonly #path: string
  #fd: number | undefined
  #writing = false
  /** Number of the tape file that it stands in, where that is known. */
  #file: number | undefined

  private constructor(path: string, locates: boolean, writeProtected: boolean) {
    this.#path = path
    this.locates = locates
    this.writeProtected = writeProtected
  }

  /**
   * Opens a drive with a cartridge in it.
   *
   * Errors: MEDIA_NOT_FOUND, MEDIA_WRONG_DEVICE, MEDIA_NO_CARTRIDGE, MEDIA_LOCKED, MEDIA_PERMISSION, MEDIA_TOOL_MISSING.
   */
  static async open(path: string): Promise<StTransport> {
    driveNumberOf(path)
    const status = parseStatus(await runCommand('mt', ['-f', path, 'status']))
    if (status.empty || !status.online) {
      throw new MediumError('MEDIA_NO_CARTRIDGE', `${path}: no cartridge is loaded`)
    }
    if (!status.writeProtected) await runCommand('mt', ['-f', path, 'setblk', '0'])
    const locates = await runCommand('mt', ['-f', path, 'tell']).then(
      () => true,
      (error: unknown) => {
        if (isMediumError(error, 'MEDIA_IO')) return false
        throw error
      },
    )
    return new StTransport(path, locates, status.writeProtected)
  }

  async #release(): Promise<void> {
    const fd = this.#fd
    this.#fd = undefined
    if (this.#writing && this.#file !== undefined) this.#file++
    this.#writing = false
    if (fd !== undefined) await close(fd)
  }

  async #command(...args: string[]): Promise<string> {
    await this.#release()
    return runCommand('mt', ['-f', this.#path, ...args])
  }

  async #handle(writing: boolean): Promise<number> {
    if (this.#fd !== undefined && (this.#writing || !writing)) return this.#fd
    await this.#release()
    try {
      this.#fd = await open(this.#path, writing ? constants.O_RDWR : constants.O_RDONLY)
    } catch (error) {
      throw deviceError(error, this.#path)
    }
    this.#writing = writing
    return this.#fd
  }

  async toFile(file: number, address?: number): Promise<void> {
    if (this.locates && address !== undefined && address >= 0) await this.#command('seek', String(address))
    else if (file === 0) await this.#command('rewind')
    else {
      await this.#release()
      // Drives without addresses are emulations, and one of them loses its way when it spaces from right before a filemark.
      const forward = this.#file === undefined || !this.locates ? 0 : file - this.#file
      if (forward > 0) await this.#command('fsf', String(forward))
      else await this.#command('asf', String(file))
    }
    this.#file = file
  }

  async toAddress(address: number): Promise<void> {
    await this.#command('seek', String(address))
    this.#file = undefined
  }

  async skipBlocks(count: number): Promise<void> {
    if (count > 0) await this.#command('fsr', String(count))
  }

  async toEnd(): Promise<number | undefined> {
    this.#file = undefined
    await this.#command('eod')
    return this.fileNumber()
  }

  async tell(): Promise<number | undefined> {
    if (!this.locates) return undefined
    const block = /At block (\d+)/i.exec(await this.#command('tell'))?.[1]
    return block === undefined ? undefined : Number(block)
  }

  async fileNumber(): Promise<number | undefined> {
    const { file } = parseStatus(await this.#command('status'))
    const known = file >= 0 && file < FILES_MAX
    this.#file = known ? file : undefined
    return this.#file
  }

  async readBlock(into: Bytes): Promise<number> {
    const fd = await this.#handle(false)
    const read = await new Promise<number>((resolve, reject) => {
      readCallback(fd, into, 0, into.length, null, (error, bytes) => (error ? reject(error) : resolve(bytes)))
    })
    if (read === 0 && this.#file !== undefined) this.#file++
    return read
  }

  async writeBlock(block: Bytes): Promise<void> {
    const fd = await this.#handle(true)
    const written = await new Promise<number>((resolve, reject) => {
      writeCallback(fd, block, 0, block.length, null, (error, bytes) => (error ? reject(error) : resolve(bytes)))
    })
    if (written !== block.length) {
      throw new MediumError('MEDIA_SHORT_WRITE', `${written} of ${block.length} bytes of a block were written`)
    }
  }

  /** The filemark is the kernel's, at the close. */
  async endFile(): Promise<void> {
    await this.#release()
  }

  async close(): Promise<void> {
    await this.#release()
  }
}
