/** Loading a cartridge: options, identity, what is on it; or making a blank one a medium. */
import { randomUUID } from 'node:crypto'
import { isMediumError, MediumError, toMediumError } from '../error.ts'
import { costOption, geometryOption, pathOption, wholeOption, ZONE_COUNT_MAX } from '../geometry.ts'
import type { Lock } from '../lock.ts'
import type { Bytes, MediumCost } from '../medium.ts'
import { encodeSuperblock, type SuperblockBody } from '../superblock.ts'
import { claimDevice, type FormatOption, formatOption, takeDeviceLock, wholeFields } from './claim.ts'
import { driveNumberOf, StTransport } from './st.ts'
import { TapeDriveMedium, type TapeShape } from './tape-drive.ts'
import { TapeFiles } from './tape-files.ts'
import type { TapeTransport } from './tape-transport.ts'

export interface TapeDriveOptions {
  /** The drive's no-rewind node, e.g. /dev/nst0. */
  readonly path: string
  /** true: a blank cartridge becomes a medium; 'overwrite': whatever it holds. Default false. */
  readonly format?: FormatOption
  /** At formatting: most zones; default 16384. */
  readonly zoneCount?: number
  /** At formatting: most bytes of a zone; default 1 GiB. */
  readonly zoneBytes?: number
  /** At formatting: bytes of a block on tape; default 512 KiB. */
  readonly blockBytes?: number
  /** At formatting: bytes that the cartridge takes; 0 (default): only its end tells. */
  readonly cartridgeBytes?: number
  /** Bytes held in memory on the way to the tape; default 256 MiB or a zone. */
  readonly bufferBytes?: number
  /** Zones between two indexes; default 32. One is also written at close. */
  readonly indexEvery?: number
  readonly readOnly?: boolean
  /** The identity that is expected. */
  readonly id?: string
  readonly cost?: Partial<MediumCost>
}

const COST: MediumCost = { seekMs: 65_000, readMBps: 400, writeMBps: 400, streamMBpsMin: 177, mountMs: 16_000 }

const FIELDS = ['life', 'zoneCount', 'zoneBytes', 'blockBytes', 'cartridgeBytes'] as const

function shapeOption(options: TapeDriveOptions, blockBytesMax: number): TapeShape {
  const blockBytes = wholeOption(options.blockBytes ?? 512 << 10, 'blockBytes', 512, blockBytesMax)
  const geometry = geometryOption(options, { zoneCount: 16_384, zoneBytes: 1 << 30 })
  return {
    ...geometry,
    blockBytes,
    cartridgeBytes: wholeOption(options.cartridgeBytes ?? 0, 'cartridgeBytes', 0, 2 ** 50),
  }
}

/** The first block, however long; empty for a blank cartridge. A drive may answer a read there without touching it. */
async function firstBlock(transport: TapeTransport): Promise<Bytes> {
  const MARK = 0xa5
  const into = new Uint8Array(transport.blockBytesMax).fill(MARK)
  await transport.toFile(0)
  try {
    let length = await transport.readBlock(into)
    // A filemark first, and data behind it: not ours, and not blank.
    if (length === 0) length = await transport.readBlock(into)
    const block = into.subarray(0, length)
    return block.every((byte) => byte === MARK) || block.every((byte) => byte === 0) ? new Uint8Array(0) : block
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOMEM') return Uint8Array.of(1)
    if (code === 'EIO' || code === 'ENOSPC') return new Uint8Array(0)
    throw error
  }
}

/** Opens a medium over any transport; `openTapeDrive` does it for the kernel's. */
export async function openTape(
  transport: TapeTransport,
  options: TapeDriveOptions,
  lock: Lock | undefined,
): Promise<TapeDriveMedium> {
  const { path, readOnly = false } = options
  const format = formatOption(options.format)
  const shape = shapeOption(options, transport.blockBytesMax)
  const indexEvery = wholeOption(options.indexEvery ?? 32, 'indexEvery', 1, ZONE_COUNT_MAX)
  const cost = costOption(COST, options.cost)
  if (transport.writeProtected && !readOnly) {
    throw new MediumError('MEDIA_READ_ONLY', `${path}: the cartridge is write-protected; open it with readOnly: true`)
  }
  const block = await firstBlock(transport)
  let made: SuperblockBody | undefined
  let body = claimDevice(block, {
    kind: 'tape-drive',
    path,
    format,
    id: options.id,
    readOnly,
    foreign: () => (block.length > 0 ? 'other data' : undefined),
    make: () => {
      made = { id: randomUUID(), life: 0, ...shape }
      return encodeSuperblock('tape-drive', made)
    },
  })
  const found = wholeFields(body, FIELDS, path)
  const files = new TapeFiles(transport, { id: body.id, life: found.life, blockBytes: found.blockBytes })
  if (made === undefined) await files.load()
  else {
    await files.erase(encodeSuperblock('tape-drive', made), 0)
    body = made
  }
  const { life: _life, ...kept } = found
  const bufferBytes = wholeOption(options.bufferBytes ?? Math.min(256 << 20, kept.zoneBytes), 'bufferBytes', 1, 2 ** 34)
  const share = { bufferBytes, indexEvery, cost: { ...options.cost }, ...(readOnly ? { readOnly } : {}) }
  return new TapeDriveMedium(transport, files, {
    spec: { kind: 'tape-drive', path, id: body.id, ...share },
    id: body.id,
    shape: kept,
    cost,
    bufferBytes,
    indexEvery,
    readOnly,
    lock,
  })
}

/**
 * Loads the cartridge of a drive, or with `format` makes it a medium. Linux only, needs `mt` (mt-st).
 *
 * Errors: MEDIA_ARGUMENT, MEDIA_NOT_FOUND, MEDIA_WRONG_DEVICE, MEDIA_NO_CARTRIDGE, MEDIA_READ_ONLY (write-protected),
 * MEDIA_LOCKED, MEDIA_PERMISSION, MEDIA_TOOL_MISSING, MEDIA_NOT_FORMATTED, MEDIA_FOREIGN, MEDIA_WRONG_MEDIUM, MEDIA_IO.
 */
export async function openTapeDrive(options: TapeDriveOptions): Promise<TapeDriveMedium> {
  const path = pathOption(options.path)
  formatOption(options.format)
  const lock = takeDeviceLock(`tape-${driveNumberOf(path)}`)
  let transport: StTransport | undefined
  try {
    transport = await StTransport.open(path)
    return await openTape(transport, options, lock)
  } catch (error) {
    await transport?.close().catch(() => undefined)
    lock.release()
    throw isMediumError(error) ? error : toMediumError(error, 'open')
  }
}
