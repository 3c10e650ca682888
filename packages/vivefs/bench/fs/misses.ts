/** Reasons that several rows share. */
const COMMIT =
  'a change is a batch in the log that survives kill -9: once the code is compiled two fifths of its CPU time are the engine (a write call, its ' +
  'checksums, the memtable, flushes and merges), the rest is three to five rows, each looked up, encoded and summed up, and no cost stands out in a ' +
  'profile; the calls that are measured come before that: about a third of their CPU time are the compiler threads of V8'
const BIG_WRITE =
  'three checksums (row, pages of the value, chunk of the log) and two copies of the 64 KiB: 130 to 180 us once the code is compiled, after some ' +
  '4,000 calls; in the 512 of a round the compiler takes half of the CPU time, and code that is not compiled yet much of the rest'
const KERNEL =
  'about what a call costs in JavaScript with arguments checked as node checks them; the kernel answers as fast here'
const COMPILER =
  'met once the code is compiled (0.4, 1.5 and 2 us for stat, readFile and open + read + close, after some 20,000 calls); on a busy machine the calls of ' +
  'a round are over before'
const PROMISE =
  'a promise, its checked arguments and its result object cost as much as the operation; node:fs pays for its thread pool, which is faster here ' +
  'than where the target was set'

/** Why a target is missed, by the title of the row: printed beside the miss. A row that is met again loses its line here. */
export const REASONS: Readonly<Record<string, string>> = {
  'create 1 KiB file, sync': COMMIT,
  'create 1 KiB + fsync, sync': COMMIT,
  'rename, sync': COMMIT,
  'unlink, sync': COMMIT,
  'append 100 B, sync': COMMIT,
  'append 100 B, promises': COMMIT,
  'random 4 KiB overwrite, sync':
    'written once, 1.06 bytes for each, but as a batch in the log with its inode and checksums; alone on a volume that is a third of the CPU time of this ' +
    'row, the rest is the engine emptying files with values that the overwrites before it left',
  'write 64 KiB, sync': BIG_WRITE,
  'write 64 KiB in memory, sync': BIG_WRITE,
  'read 64 KiB, sync':
    'met when the file is in the cache of extents (16 MiB by default, as large as the file); extents that are not are read from the log and checked twice',
  'open + read + close 1 KiB, sync': COMPILER,
  'random 4 KiB read, sync': KERNEL,
  'open + read + close 1 KiB, promises': PROMISE,
  'random 4 KiB read, promises': PROMISE,
}
