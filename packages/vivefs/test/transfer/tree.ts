/** A host tree with everything that a tree can have. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const isRoot = process.geteuid?.() === 0

const made: string[] = []

export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vivefs-transfer-'))
  made.push(directory)
  return directory
}

export function removeTemporaries(): void {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true })
}

/** A path below `directory` whose last name is these bytes. */
export const below = (directory: string, name: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(directory), Buffer.from('/'), name])

export const NOT_UTF8 = Buffer.of(0xff, 0xfe, 0x41, 0x80)
export const SPARSE_BYTES = 10 * 1024 * 1024
export const BIG_BYTES = 5 * 1024 * 1024 + 17

/** Bytes without a pattern, the same each time. */
export function noise(bytes: number, seed = 1): Buffer {
  const out = Buffer.alloc(bytes)
  let word = seed
  for (let i = 0; i + 4 <= bytes; i += 4) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0
    out.writeUInt32LE(word, i)
  }
  return out
}

/** Fills a directory; answers what is there. */
export function plantTree(directory: string): void {
  mkdirSync(join(directory, 'empty'))
  mkdirSync(join(directory, 'deep/er/still'), { recursive: true })
  writeFileSync(join(directory, 'deep/er/still/leaf.txt'), 'leaf\n')
  writeFileSync(join(directory, 'empty.txt'), '')
  writeFileSync(join(directory, 'small.txt'), 'small\n')
  writeFileSync(join(directory, 'extent.bin'), noise(65_536))
  writeFileSync(join(directory, 'extents.bin'), noise(200_001))
  writeFileSync(join(directory, 'big.bin'), noise(BIG_BYTES))
  writeFileSync(below(directory, NOT_UTF8), 'bytes')
  writeFileSync(join(directory, 'two\nlines'), 'newline')
  writeFileSync(join(directory, 'grüße 🎈.txt'), 'emoji')
  writeFileSync(join(directory, 'n'.repeat(255)), 'long')
  mkdirSync(below(directory, Buffer.concat([Buffer.from('dir-'), NOT_UTF8])))
  writeFileSync(below(directory, Buffer.concat([Buffer.from('dir-'), NOT_UTF8, Buffer.from('/in')])), 'inside')
  linkSync(join(directory, 'small.txt'), join(directory, 'deep/hard'))
  linkSync(join(directory, 'small.txt'), join(directory, 'deep/er/harder'))
  linkSync(join(directory, 'big.bin'), join(directory, 'deep/big-again'))
  symlinkSync('small.txt', join(directory, 'soft'))
  symlinkSync('/nowhere/at all', join(directory, 'dangling'))
  symlinkSync(NOT_UTF8, join(directory, 'soft-bytes'))
  lutimesSync(join(directory, 'soft'), 1_000_000_000.5, 1_100_000_000.25)
  const sparse = openSync(join(directory, 'sparse.bin'), 'w')
  writeSync(sparse, noise(70_000), 0, 70_000, 3 * 1024 * 1024)
  ftruncateSync(sparse, SPARSE_BYTES)
  closeSync(sparse)
  const small = openSync(join(directory, 'sparse-small.bin'), 'w')
  ftruncateSync(small, 300_000)
  closeSync(small)
  execFileSync('mkfifo', [join(directory, 'fifo')])
  if (isRoot) {
    execFileSync('mknod', [join(directory, 'null'), 'c', '1', '3'])
    execFileSync('mknod', [join(directory, 'disk'), 'b', '259', '70000'])
  }
  for (const [name, mode] of [
    ['small.txt', 0o4755],
    ['extent.bin', 0o2711],
    ['deep', 0o1777],
    ['empty', 0o500],
    ['fifo', 0o642],
  ] as const) {
    chmodSync(join(directory, name), mode)
  }
  utimesSync(join(directory, 'small.txt'), 1_234_567_890.123456, 987_654_321.654321)
  utimesSync(join(directory, 'extents.bin'), '-86400.5', '-1000000.25')
  utimesSync(join(directory, 'deep/er'), 1_500_000_000, 1_500_000_001.5)
  utimesSync(directory, 1_400_000_000, 1_400_000_001)
}
