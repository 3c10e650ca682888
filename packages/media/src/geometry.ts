/** Checks of options that describe a medium's size, and the caps that most media share. */
import { MediumError } from './error.ts'
import type { MediumCaps, MediumCost } from './medium.ts'
import type { Geometry } from './zone-store.ts'

/** Most zones of a medium: a report of all of them stays a matter of milliseconds. */
export const ZONE_COUNT_MAX = 1 << 20

/** A whole number in [least, most], or MEDIA_ARGUMENT naming the option. */
export function wholeOption(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
    throw new MediumError('MEDIA_ARGUMENT', `${name} must be a whole number in ${least}..${most}, not ${String(value)}`)
  }
  return value
}

/** A short printable name, undefined when absent. */
export function nameOption(name: unknown): string | undefined {
  if (name === undefined) return undefined
  if (typeof name !== 'string' || !/^[\w.:-]{1,128}$/.test(name)) {
    throw new MediumError('MEDIA_ARGUMENT', `name must be 1..128 letters, digits or _ . : -, not ${String(name)}`)
  }
  return name
}

/** A path as the file calls take it. */
export function pathOption(path: unknown): string {
  if (typeof path !== 'string' || path.length === 0 || path.includes('\0')) {
    throw new MediumError('MEDIA_ARGUMENT', `path must be a non-empty string without NUL, not ${String(path)}`)
  }
  return path
}

/** zoneCount and zoneBytes from options or defaults. */
export function geometryOption(
  options: { readonly zoneCount?: number | undefined; readonly zoneBytes?: number | undefined },
  defaults: Geometry,
): Geometry {
  return {
    zoneCount: wholeOption(options.zoneCount ?? defaults.zoneCount, 'zoneCount', 1, ZONE_COUNT_MAX),
    zoneBytes: wholeOption(options.zoneBytes ?? defaults.zoneBytes, 'zoneBytes', 512, 2 ** 40),
  }
}

/** A full cost from defaults and what the caller knows better. */
export function costOption(defaults: MediumCost, given: Partial<MediumCost> | undefined): MediumCost {
  const cost = { ...defaults, ...given }
  for (const [name, value] of Object.entries(cost)) {
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new MediumError('MEDIA_ARGUMENT', `cost.${name} must be a number from 0, not ${String(value)}`)
    }
  }
  return cost
}

type Essential = 'zoneCount' | 'zoneBytes' | 'zoneCapacityBytes' | 'cost'

/** Full caps from what differs: an unlimited, byte-granular, synchronous, exclusive medium is the starting point. */
export function capsOf(caps: Pick<MediumCaps, Essential> & Partial<MediumCaps>): MediumCaps {
  return Object.freeze({
    blockBytes: 1,
    memoryAlign: 1,
    appendBytesMin: 1,
    appendBytesMax: 0,
    appendBytesOptimal: 1 << 20,
    openZonesMax: 0,
    activeZonesMax: 0,
    openZonesOptimal: 0,
    append: 'positional',
    overwrite: 'reset-zone',
    reclaim: 'reset',
    durability: 'flush',
    pointerSurvives: true,
    sync: true,
    removable: false,
    sharing: 'exclusive',
    reopenable: false,
    fencing: 'none',
    ...caps,
  })
}

/** What every tape is: zones written one after the other from the beginning, space that returns by erasing the whole, one who writes. */
export const TAPE_CAPS = {
  openZonesMax: 1,
  activeZonesMax: 1,
  openZonesOptimal: 1,
  append: 'stream',
  overwrite: 'truncates-rest',
  reclaim: 'whole-medium',
  durability: 'seal',
  sync: false,
  removable: true,
  fencing: 'lock',
} as const satisfies Partial<MediumCaps>
