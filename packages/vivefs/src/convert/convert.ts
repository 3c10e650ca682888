/**
 * Moves the volume of a directory from one engine to another: from `level` to `lsm`.
 *
 *     DIR/lsm.new/    the copy while it is made; a conversion that was cut off goes on with it
 *     DIR/lsm/        the finished copy, before vivefs.json names it
 *     vivefs.json     replaced by a rename: the instant of the switch
 *     DIR/level/      deleted behind it
 *
 * I1: until the switch the volume is the old one, and opens as before; from then on it is the new one.
 * I2: at the switch every row of the new one was read back and compared, and the new one survives power loss.
 */
import { access, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { openDirectoryEngine } from '../engine/directory.ts'
import { openLsmDatabase } from '../engine/lsm.ts'
import { readVolumeFile, syncDirectory, writeVolumeFile } from '../engine/volume-file.ts'
import { ViveError } from '../errors.ts'
import type { AnyLevel } from '../store/database.ts'
import { markerKey, markerValue } from '../store/key.ts'
import { copyRows, equalRows } from './copy-rows.ts'

export interface ConvertProgress {
  readonly phase: 'copy' | 'verify'
  /** Bytes of rows. */
  readonly loaded: number
  /** Undefined while nobody has counted them. */
  readonly total: number | undefined
}

export interface ConvertOptions {
  readonly onProgress?: (progress: ConvertProgress) => void
  /** Stops between two batches; a later call goes on from there. Rejects with its reason. */
  readonly signal?: AbortSignal
}

export interface ConvertReport {
  /** False: the volume was on lsm already. */
  readonly converted: boolean
  readonly rows: number
  /** Of keys and values. */
  readonly bytes: number
  /** Rows of an earlier attempt that had changed since. */
  readonly corrected: number
}

const SYNCED = { keyEncoding: 'view', valueEncoding: 'view', sync: true } as const

/** Passes that compare: the second has nothing to correct, as the lock keeps everybody else away. */
const PASSES_MAX = 3

/**
 * Errors: ERR_VIVEFS_LOCKED (the volume is open), ERR_VIVEFS_NOT_A_VOLUME, ERR_VIVEFS_ENGINE, ERR_VIVEFS_CORRUPTION (the
 * copy does not become equal), those of the file system below (ENOSPC: the copy needs about as much space as the volume),
 * the reason of `signal`. After any of them the volume is as it was.
 */
export async function convertVolume(where: string, options: ConvertOptions = {}): Promise<ConvertReport> {
  const directory = resolve(where)
  const description = await readVolumeFile(directory)
  if (description === undefined) {
    throw new ViveError('ERR_VIVEFS_NOT_A_VOLUME', `there is no ViveFS volume at ${directory}`)
  }
  if (description.engine === 'lsm') {
    await dropOld(directory)
    return { converted: false, rows: 0, bytes: 0, corrected: 0 }
  }
  // The lock of the old one is held until the switch.
  const source = await openDirectoryEngine(directory, 'level', {
    create: false,
    readOnly: true,
    follow: false,
    salvage: false,
    newVolumeId: description.volumeId,
  })
  let report: Omit<ConvertReport, 'converted'>
  try {
    const place = join(directory, 'lsm.new')
    // A finished copy that nobody has switched to may be behind by now: it is an unfinished one.
    if (await isThere(join(directory, 'lsm'))) {
      await rm(place, { recursive: true, force: true })
      await rename(join(directory, 'lsm'), place)
    }
    report = await copyInto(place, source.database, options)
    options.signal?.throwIfAborted()
    await rename(place, join(directory, 'lsm'))
    await syncDirectory(directory)
    await writeVolumeFile(directory, { ...description, engine: 'lsm' })
  } finally {
    await source.database.close()
    await source.release()
  }
  await dropOld(directory)
  return { converted: true, ...report }
}

async function copyInto(
  place: string,
  source: AnyLevel,
  { onProgress, signal }: ConvertOptions,
): Promise<Omit<ConvertReport, 'converted'>> {
  const target = await openLsmDatabase(place)
  try {
    let total: number | undefined
    const tell = (phase: ConvertProgress['phase'], loaded: number): void => {
      signal?.throwIfAborted()
      onProgress?.({ phase, loaded, total })
    }
    await copyRows(source, target, ({ bytes }) => tell('copy', bytes))
    let corrected = 0
    for (let pass = 1; ; pass++) {
      const counted = { bytes: 0, rows: 0 }
      const found = await equalRows(source, target, (progress) => {
        Object.assign(counted, progress)
        tell('verify', progress.bytes)
      })
      corrected += found
      total = counted.bytes
      if (found === 0) {
        // The store's own marker: whatever landed before a synced row survives power loss with it.
        await target.put(markerKey, markerValue, SYNCED)
        return { ...counted, corrected }
      }
      if (pass === PASSES_MAX) throw new ViveError('ERR_VIVEFS_CORRUPTION', 'the copy does not become equal')
    }
  } finally {
    await target.close()
  }
}

/** What is of no use behind the switch. */
async function dropOld(directory: string): Promise<void> {
  await rm(join(directory, 'level'), { recursive: true, force: true })
  await rm(join(directory, 'lsm.new'), { recursive: true, force: true })
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
