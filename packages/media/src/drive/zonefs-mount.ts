/** What a mounted zonefs shows of its device: zones as files, limits, options. */
import { existsSync, readdirSync, readFileSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseMounts } from '../describe.ts'
import { MediumError } from '../error.ts'
import type { ZoneState } from '../medium.ts'
import { majorMinorOf, statDevice } from './claim.ts'
import { queueLimits } from './queue-limits.ts'
import type { DriveZone, ZoneFact } from './zone-drive.ts'

const SECTOR_BYTES = 512

/** A zone's file, or a piece of the one file that aggregates the conventional zones. */
export interface ZoneFileFacts extends DriveZone {
  readonly path: string
  /** Position of the zone in its file. */
  readonly at: number
}

/**
 * What the file says. The kernel takes write permission from a zone that becomes read-only, and all from an offline
 * one; a zone that is read-only when zonefs is mounted counts as offline, because its write pointer cannot be known.
 */
export function factOf(file: Stats, capacityBytes: number, open: boolean): ZoneFact {
  const pointer = Math.min(file.size, capacityBytes)
  const mode = file.mode & 0o777
  let state: ZoneState = open ? 'open' : 'closed'
  if (mode === 0) state = 'offline'
  else if ((mode & 0o222) === 0) state = 'read-only'
  else if (pointer === capacityBytes) state = 'full'
  else if (pointer === 0 && !open) state = 'empty'
  return { state, pointer }
}

/** The files of `cnv` or `seq`, in order of their numbers. */
function filesOf(mount: string, folder: 'cnv' | 'seq'): { path: string; file: Stats }[] {
  const directory = join(mount, folder)
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(a) - Number(b))
    .map((name) => ({ path: join(directory, name), file: statSync(join(directory, name)) }))
}

/** All zones, conventional ones first; one aggregated file becomes the zones that it is made of. */
export function zonesOf(mount: string, zoneBytes: number): ZoneFileFacts[] {
  const zones: ZoneFileFacts[] = []
  for (const { path, file } of filesOf(mount, 'cnv')) {
    for (let at = 0; at < file.size; at += zoneBytes) {
      zones.push({ path, at, type: 'conventional', capacityBytes: Math.min(zoneBytes, file.size - at) })
    }
  }
  for (const { path, file } of filesOf(mount, 'seq')) {
    zones.push({ path, at: 0, type: 'sequential', capacityBytes: file.blocks * SECTOR_BYTES })
  }
  return zones
}

/** '' where there is no such file: then nothing is mounted as far as we can see. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Checks that a zonefs is mounted at `path`; its limits. */
export function mountOf(path: string) {
  const directory = statDevice(path)
  const mount = parseMounts(textOf('/proc/self/mountinfo'))
    .filter(({ mountPoint }) => mountPoint === path.replace(/(.)\/+$/, '$1'))
    .at(-1)
  if (!directory.isDirectory() || mount?.filesystem !== 'zonefs') {
    throw new MediumError('MEDIA_WRONG_DEVICE', `${path} is not the mount point of a zonefs`)
  }
  const number = majorMinorOf(directory.dev)
  const limits = queueLimits(number)
  if (limits === undefined) throw new MediumError('MEDIA_NOT_FOUND', `nothing is known of the device below ${path}`)
  const own = (name: string) => {
    try {
      return Number(readFileSync(`/sys/fs/zonefs/${limits.disk}/${name}`, 'utf8')) || 0
    } catch {
      return undefined
    }
  }
  return {
    number,
    limits: {
      ...limits,
      openZonesMax: own('max_wro_seq_files') ?? limits.openZonesMax,
      activeZonesMax: own('max_active_seq_files') ?? limits.activeZonesMax,
    },
    writable: !/(^|,)ro(,|$)/.test(optionsOf(path)),
  }
}

/** The mount's options as /proc/self/mounts has them. */
function optionsOf(path: string): string {
  const line = textOf('/proc/self/mounts')
    .split('\n')
    .filter((text) => text.split(' ')[1] === path)
    .at(-1)
  return line?.split(' ')[3] ?? ''
}
