/** The rows of the filesystem table: what is compared, and where we want to stand. */
import { inCpu, NONE, type Row, type Yardsticks } from '../../../../tools/bench/row.ts'
import { REASONS } from './misses.ts'

const row = (title: string, workload: string, ship = NONE, moonshot = NONE): Row => ({
  title,
  workload,
  ...inCpu,
  ship,
  moonshot,
})

const ROWS: readonly Row[] = [
  row('create 1 KiB file, sync', 'create', { memfs: 3, tmpfs: 1 }, { memfs: 5, tmpfs: 2 }),
  row('create 1 KiB file, promises', 'createPromised'),
  row('create 1 KiB + fsync, sync', 'createSynced', { ext4: 1 }, { ext4: 2 }),
  row('create 1 KiB + fsync, promises', 'createSyncedPromised'),
  row('create 1 KiB + fsync, 32 at a time', 'createSyncedMany', NONE, { ext4: 10 }),
  row('open + read + close 1 KiB, sync', 'openReadClose', { ext4: 1 }, { ext4: 2.5 }),
  row('open + read + close 1 KiB, promises', 'openReadClosePromised', { ext4: 10 }, { ext4: 30 }),
  row('readFile 1 KiB, sync', 'readFile', { ext4: 2 }, { ext4: 5 }),
  row('readFile 1 KiB, promises', 'readFilePromised', { ext4: 12 }, { ext4: 40 }),
  row('stat, sync', 'stat', { ext4: 1.5 }, { ext4: 4 }),
  row('stat, promises', 'statPromised', { ext4: 8 }, { ext4: 20 }),
  row('readdir withFileTypes of 100, sync', 'readdir', { ext4: 1 }, { ext4: 3 }),
  row('readdir withFileTypes of 100, promises', 'readdirPromised'),
  row('rename, sync', 'rename', { ext4: 0.8 }, { ext4: 2 }),
  row('unlink, sync', 'unlink', { ext4: 0.8 }, { ext4: 2 }),
  row('write 64 KiB, sync', 'write64', { ext4: 0.5 }, { ext4: 0.8 }),
  row('write 64 KiB in memory, sync', 'write64Memory', { memfs: 2 }, { memfs: 4 }),
  row('write 64 KiB, promises', 'write64Promised'),
  row('read 64 KiB, sync', 'read64', { ext4: 0.6 }, { ext4: 1 }),
  row('read 64 KiB, promises', 'read64Promised'),
  row('random 4 KiB read, sync', 'read4', { ext4: 0.6 }, { ext4: 1 }),
  row('random 4 KiB read, promises', 'read4Promised', { ext4: 8 }, { ext4: 20 }),
  row('random 4 KiB overwrite, sync', 'overwrite4', { ext4: 1 }, { ext4: 3, tmpfs: 0.5 }),
  row('random 4 KiB overwrite, promises', 'overwrite4Promised'),
  row('append 100 B, sync', 'append', { ext4: 0.5 }, { ext4: 1 }),
  row('append 100 B, promises', 'appendPromised', { ext4: 8 }, { ext4: 20 }),
]

export const YARDSTICKS: Yardsticks = { ours: 'vivefs', rows: ROWS, reasons: REASONS }
