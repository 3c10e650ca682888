/** The devices of the lab by name: how a fresh medium is made on each, and with what it makes up a volume. */
import { realpathSync, rmSync } from 'node:fs'
import {
  type Medium,
  type MediumSpec,
  openBlock,
  openMedium,
  openPool,
  openTapeDrive,
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

/** A pool in a directory of its own, always the same one: the lab's persistent memory is small. */
const pool = (path: string) => async () => {
  rmSync(path, { recursive: true, force: true })
  return openPool({ path, zoneCount: 64, zoneBytes: 256 << 10, durability: 'flush' })
}

export const devices: Readonly<Record<string, LabDevice>> = {
  'zonefs-zns': { create: () => openZonefs({ path: '/mnt/zns', format: 'overwrite' }), ...some },
  'zonefs-smr': { create: () => openZonefs({ path: '/mnt/smr', format: 'overwrite' }), ...some },
  'raw-zns': { create: () => openZonedBlock({ path: node('zns'), format: 'overwrite' }), ...some },
  'raw-smr': { create: () => openZonedBlock({ path: node('smr'), format: 'overwrite' }), ...some },
  nvme: { create: ssd, ...some },
  hdd: { create: block('hdd', 1 << 20), ...some },
  fsdax: { create: pool('/mnt/pmem/pool'), ...some },
  'cxl-tmpfs': { create: pool('/mnt/cxl/pool'), ...some },
  tape: {
    create: () =>
      openTapeDrive({
        path: '/dev/nst0',
        format: 'overwrite',
        zoneCount: 256,
        zoneBytes: 1 << 20,
        blockBytes: 64 << 10,
      }),
    home: ssd,
    ...some,
    operations: 40,
  },
}
