/** Host directory against volume, both ways: every entry of either is looked at once, every byte compared. */
import { type BigIntStats, readlinkSync, readSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import type { Core } from '../core/core.ts'
import { isDirectory, isFile, isSymlink, PERMISSIONS, S_IFBLK, S_IFCHR, typeOf } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { coreOf, type ViveFS } from '../vivefs.ts'
import { isFatal } from './findings.ts'
import {
  closeQuietly,
  fstatHost,
  identityOf,
  joinPath,
  listHost,
  lstatHost,
  measureHost,
  nsOf,
  openHost,
  readFully,
  splitDevice,
} from './host.ts'
import { Meter } from './meter.ts'
import { exclusion } from './own-volume.ts'
import type { TransferReport, VerifyOptions } from './types.ts'
import { inodeAt, listVolume, pathBytes, readVolume } from './volume-tree.ts'

const PIECE_BYTES = 1024 * 1024

interface Pair {
  readonly hostPath: Buffer
  readonly path: Buffer
  readonly inode: Inode
}

const typeNames = new Map([
  [0o140000, 'a socket'],
  [0o120000, 'a symbolic link'],
  [0o100000, 'a file'],
  [0o060000, 'a block device'],
  [0o040000, 'a directory'],
  [0o020000, 'a character device'],
  [0o010000, 'a FIFO'],
])

const nameOfType = (mode: number): string => typeNames.get(mode & 0o170000) ?? `type ${(mode & 0o170000).toString(8)}`

/**
 * Compares a host directory with a directory of the volume: missing and extra entries, type, bytes, size, mode, owner,
 * mtime (to the nanosecond), link targets, device numbers, and which names are one file. An empty list of findings means
 * that they are the same. The counts are those of the host.
 *
 * Errors: ENOENT, ENOTDIR (one of the two roots), those of a failed store, and the reason of `signal`.
 */
export async function verifyTree(
  hostDirectory: string | Buffer,
  vive: ViveFS,
  volumePath: string | Uint8Array = '/',
  options: VerifyOptions = {},
): Promise<TransferReport> {
  const hostPath = typeof hostDirectory === 'string' ? Buffer.from(resolvePath(hostDirectory)) : hostDirectory
  return await new VerifyTask(vive, options).run(hostPath, pathBytes(volumePath))
}

class VerifyTask {
  readonly #core: Core
  readonly #meter: Meter
  readonly #owners: boolean
  readonly #toleranceNs: bigint
  readonly #whyExcluded: (path: Buffer) => string | undefined
  /** Files with several names, each side by the other's identity. */
  readonly #inoOf = new Map<string, number>()
  readonly #identityOf = new Map<number, string>()
  readonly #host = Buffer.allocUnsafeSlow(PIECE_BYTES)
  readonly #volume = Buffer.allocUnsafeSlow(PIECE_BYTES)

  constructor(vive: ViveFS, options: VerifyOptions) {
    this.#core = coreOf(vive)
    this.#meter = new Meter('verify', options)
    this.#owners = options.owners ?? true
    this.#toleranceNs = BigInt(Math.floor(options.mtimeToleranceNs ?? 0))
    this.#whyExcluded = exclusion(vive.volumeId)
  }

  async run(hostPath: Buffer, volumePath: Buffer): Promise<TransferReport> {
    const meter = this.#meter
    meter.assertGoingOn()
    const stat = lstatHost(hostPath)
    if (!stat.isDirectory()) throw new FilesystemError('ENOTDIR', { syscall: 'scandir', path: hostPath })
    const root = await inodeAt(this.#core, volumePath)
    if (!isDirectory(root)) throw new FilesystemError('ENOTDIR', { syscall: 'verify', path: volumePath })
    if (meter.wantsProgress) {
      meter.phase = 'scan'
      meter.total = await measureHost(hostPath, () => meter.breathe())
      meter.phase = 'verify'
    }
    this.#compareAttributes(Buffer.alloc(0), stat, root)
    const pairs: Pair[] = [{ hostPath, path: Buffer.alloc(0), inode: root }]
    for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
      try {
        await this.#compareDirectory(pair, pairs)
      } catch (error) {
        this.#report(pair.path, error)
      }
    }
    return meter.report()
  }

  #report(path: Buffer, error: unknown): void {
    this.#meter.assertGoingOn()
    if (isFatal(error)) throw error
    this.#meter.findings.addError(path, error)
  }

  async #compareDirectory(pair: Pair, pairs: Pair[]): Promise<void> {
    const { findings } = this.#meter
    this.#meter.directories++
    const inodes = new Map<string, Inode>()
    for await (const page of listVolume(this.#core, pair.inode.ino)) {
      for (const { name, inode } of page) inodes.set(name.toString('latin1'), inode)
      await this.#meter.breathe()
    }
    for (const { name } of listHost(pair.hostPath)) {
      const path = joinPath(pair.path, name)
      const hostPath = joinPath(pair.hostPath, name)
      const inode = inodes.get(name)
      inodes.delete(name)
      try {
        const stat = lstatHost(hostPath)
        if (stat.isDirectory() && this.#whyExcluded(hostPath) !== undefined) continue
        if (inode === undefined) findings.add('missing', path, `${nameOfType(Number(stat.mode))} is not in the volume`)
        else await this.#compareEntry({ hostPath, path, inode }, stat, pairs)
      } catch (error) {
        this.#report(path, error)
      }
      await this.#meter.breathe()
    }
    for (const [name, inode] of inodes) {
      findings.add('extra', joinPath(pair.path, name), `${nameOfType(inode.mode)} is only in the volume`)
    }
  }

  async #compareEntry(pair: Pair, stat: BigIntStats, pairs: Pair[]): Promise<void> {
    const { hostPath, path, inode } = pair
    const { findings } = this.#meter
    const hostMode = Number(stat.mode)
    if (typeOf({ mode: hostMode }) !== typeOf(inode)) {
      findings.add('type', path, `${nameOfType(hostMode)} on the host, ${nameOfType(inode.mode)} in the volume`)
      return
    }
    this.#compareAttributes(path, stat, inode)
    if (isDirectory(inode)) {
      pairs.push(pair)
      return
    }
    const isFirst = this.#compareLinks(path, stat, inode)
    if (!isFirst) {
      this.#meter.hardLinks++
    } else if (isFile(inode)) {
      this.#meter.files++
      await this.#compareContent(pair)
    } else if (isSymlink(inode)) {
      this.#meter.symlinks++
      if (!readlinkSync(hostPath, { encoding: 'buffer' }).equals(inode.target)) {
        findings.add('target', path, 'the targets differ')
      }
    } else {
      this.#meter.specials++
      this.#compareDevice(path, stat, inode)
    }
  }

  #compareAttributes(path: Buffer, stat: BigIntStats, inode: Inode): void {
    const { findings } = this.#meter
    const mode = Number(stat.mode) & PERMISSIONS
    // The permissions of symbolic links mean nothing, and hosts differ in them.
    if (!isSymlink(inode) && mode !== (inode.mode & PERMISSIONS)) {
      const octal = (bits: number): string => (bits & PERMISSIONS).toString(8).padStart(4, '0')
      findings.add('mode', path, `${octal(mode)} on the host, ${octal(inode.mode)} in the volume`)
    }
    if (this.#owners && (Number(stat.uid) !== inode.uid || Number(stat.gid) !== inode.gid)) {
      findings.add('owner', path, `${stat.uid}:${stat.gid} on the host, ${inode.uid}:${inode.gid} in the volume`)
    }
    const differenceNs = stat.mtimeNs - nsOf(inode.mtime)
    if (differenceNs > this.#toleranceNs || differenceNs < -this.#toleranceNs) {
      findings.add('mtime', path, `${stat.mtimeNs} on the host, ${nsOf(inode.mtime)} in the volume (ns since 1970)`)
    }
  }

  /** Names of one file on either side must be names of one file on the other. Whether this is the first name of it. */
  #compareLinks(path: Buffer, stat: BigIntStats, inode: Inode): boolean {
    if (stat.nlink < 2n && inode.nlink < 2) return true
    const identity = identityOf(stat)
    const ino = this.#inoOf.get(identity)
    const expected = this.#identityOf.get(inode.ino)
    if (ino === undefined && expected === undefined) {
      this.#inoOf.set(identity, inode.ino)
      this.#identityOf.set(inode.ino, identity)
      return true
    }
    if (ino === inode.ino && expected === identity) return false
    const side =
      ino === undefined ? 'in the volume it is a name of another file' : 'on the host it is a name of another file'
    this.#meter.findings.add('links', path, side)
    return true
  }

  #compareDevice(path: Buffer, stat: BigIntStats, inode: Inode): void {
    const type = typeOf(inode)
    if (type !== S_IFCHR && type !== S_IFBLK) return
    const { rdevMajor, rdevMinor } = splitDevice(stat.rdev)
    if (rdevMajor === inode.rdevMajor && rdevMinor === inode.rdevMinor) return
    const numbers = `${rdevMajor}:${rdevMinor} on the host, ${inode.rdevMajor}:${inode.rdevMinor} in the volume`
    this.#meter.findings.add('device', path, numbers)
  }

  async #compareContent({ hostPath, path, inode }: Pair): Promise<void> {
    const { findings } = this.#meter
    const fd = openHost(hostPath)
    try {
      for (let offset = 0; ; ) {
        const hostBytes = readFully(fd, this.#host, 0, Math.min(PIECE_BYTES, Math.max(1, inode.size - offset)))
        const volumeBytes = await readVolume(this.#core, inode.ino, offset, this.#volume)
        const shared = Math.min(hostBytes, volumeBytes)
        const difference = firstDifference(this.#host, this.#volume, shared)
        if (difference !== undefined) {
          findings.add('bytes', path, `the first different byte is at ${offset + difference}`)
          return
        }
        offset += shared
        this.#meter.bytes += shared
        const isEnd = shared === 0 || offset === inode.size
        if (hostBytes !== volumeBytes || (isEnd && readSync(fd, this.#host, 0, 1, null) > 0)) {
          findings.add('size', path, `${fstatHost(fd).size} bytes on the host, ${inode.size} in the volume`)
          return
        }
        if (isEnd) return
        await this.#meter.breathe()
      }
    } finally {
      closeQuietly(fd)
    }
  }
}

function firstDifference(a: Buffer, b: Buffer, length: number): number | undefined {
  if (a.compare(b, 0, length, 0, length) === 0) return undefined
  let at = 0
  while (a[at] === b[at]) at++
  return at
}
