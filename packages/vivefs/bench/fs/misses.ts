/** Reasons that several rows share. */
const COMMIT =
  'a change is a batch in the log: a write call, checksums and three to five rows, each encoded and kept in the memtable; half of it is the engine'
const THROUGH_TABLES =
  'whole extents travel through log, memtable and tables; separation of keys and values in the engine is the next step'
const KERNEL =
  'close to what a call costs in JavaScript with arguments checked as node checks them; the kernel of this machine answers as fast'

/** Why a target is missed, by the title of the row: printed beside the miss. A row that is met again loses its line here. */
export const REASONS: Readonly<Record<string, string>> = {
  'create 1 KiB file, sync': COMMIT,
  'create 1 KiB + fsync, sync': COMMIT,
  'rename, sync': COMMIT,
  'unlink, sync': COMMIT,
  'append 100 B, sync': COMMIT,
  'append 100 B, promises': COMMIT,
  'write 64 KiB, sync': THROUGH_TABLES,
  'write 64 KiB in memory, sync': THROUGH_TABLES,
  'read 64 KiB, sync':
    'the file is as large as the cache of extents, so a pass over it reads every extent from the tables',
  'random 4 KiB overwrite, sync':
    'an inode names the partial rows of four extents; overwrites all over a file fold one extent of 64 KiB for each of 4 KiB',
  'open + read + close 1 KiB, sync': KERNEL,
  'readFile 1 KiB, sync': KERNEL,
  'stat, sync': KERNEL,
  'random 4 KiB read, sync': KERNEL,
  'open + read + close 1 KiB, promises': KERNEL,
  'readFile 1 KiB, promises': KERNEL,
  'stat, promises': KERNEL,
  'random 4 KiB read, promises': KERNEL,
}
