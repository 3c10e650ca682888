/** The devices of the lab by name: how a fresh medium is made on each, and with what it makes up a volume. */
import { existsSync, realpathSync } from 'node:fs'
import {
  type Medium,
  type MediumSpec,
  openBlock,
  openMedium,
  openPool,
  openZonedBlock,
  openZonefs,
} from '@vivefs/media'

export interface LabDevice {
  /** A fresh, empty medium. */
  readonly create: () => Promise<Medium>
  readonly reopen: (closed: Medium) => Promise<Medium>
  /** Media that a volume needs beside it, because it cannot keep the file table. */
  readonly home?: () => Promise<Medium>
  /** Model runs of the media suite. */
  readonly seeds: readonly number[]
  readonly operations: number
}

const node = (name: string) => realpathSync(`/dev/vm/${name}`)
const reopen = (closed: Medium) => openMedium(closed.spec as MediumSpec)
const some = { reopen, seeds: [1, 2], operations: 60 }
const block = (name: string, zoneBytes: number) => () =>
  openBlock({ path: node(name), format: 'overwrite', zoneBytes, zoneCount: 64 })
const ssd = block('ssd', 1 << 20)

export const devices: Readonly<Record<string, LabDevice>> = {
  'zonefs-zns': { create: () => openZonefs({ path: '/mnt/zns', format: 'overwrite' }), ...some },
  'zonefs-smr': { create: () => openZonefs({ path: '/mnt/smr', format: 'overwrite' }), ...some },
  'raw-zns': { create: () => openZonedBlock({ path: node('zns'), format: 'overwrite' }), ...some },
  'raw-smr': { create: () => openZonedBlock({ path: node('smr'), format: 'overwrite' }), ...some },
  nvme: { create: ssd, ...some },
  hdd: { create: block('hdd', 1 << 20), ...some },
}

/** Kept here so that a program can say what is missing. */
export const present = (path: string): boolean => existsSync(path)
export { openPool, ssd }
