/**
 * Volume into host directory. A directory gets its mode and times when everything below it is there; holes stay holes;
 * what the host cannot make is a finding with the reason.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import type { Core } from '../core/core.ts'
import { isDirectory, isFile, isSymlink, PERMISSIONS, typeOf } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode, Timespec } from '../format/inode.ts'
import { viewOf } from '../snapshot/mount.ts'
import { coreOf, type ViveFS } from '../vivefs.ts'
import { codeOf } from './findings.ts'
import { joinPath, lstatHost } from './host.ts'
import { Meter } from './meter.ts'
import { makeSpecial } from './special.ts'
import type { ExportOptions, TransferReport } from './types.ts'
import { inodeAt, listVolume, measureVolume, nextData, pathBytes, readVolume } from './volume-tree.ts'

const PIECE_BYTES = 1024 * 1024

/** A directory whose content is being exported. */
interface Directory {
  readonly inode: Inode
  readonly hostPath: Buffer
  readonly path: Buffer
}

/** Work that waits: a directory to fill, or one to finish when what is below it is done. */
interface Task extends Directory {
  readonly finish: boolean
}

/**
 * Copies the content of a directory of the volume into a host directory, which is made if need be: bytes, modes, times,
 * symbolic and hard links, holes, FIFOs; owners and devices when the process is the superuser. Node sets times to the
 * microsecond. What cannot be made on the host is a finding (`skipped` or `failed`) and the rest goes on.
 *
 * Errors: ENOTEMPTY (the target is not, and `overwrite` is not set), ENOENT (not in the volume), ENOTDIR, ENOSPC, EIO (a
 * damaged volume), and the reason of `signal`.
 */
export async function exportTree(
  vive: ViveFS,
  volumePath: string | Uint8Array,
  hostDirectory: string | Buffer,
  options: ExportOptions = {},
): Promise<TransferReport> {
  const hostPath = typeof hostDirectory === 'string' ? Buffer.from(resolvePath(hostDirectory)) : hostDirectory
  return await new ExportTask(vive, hostPath, options).run(pathBytes(volumePath))
}

/**
 * A time as node:fs takes it. As text, because node takes negative numbers for "now"; the nearest double below must not
 * lose a microsecond, so a quarter of one is added.
 */
const secondsOf = ({ sec, nsec }: Timespec): string => String(sec + (Math.floor(nsec / 1000) + 0.25) / 1e6)

class ExportTask {
  readonly #core: Core
  readonly #meter: Meter
  readonly #root: Buffer
  readonly #overwrite: boolean
  readonly #owners: boolean
  /** First names of files with several, by inode number. */
  readonly #links = new Map<number, { readonly hostPath: Buffer; remaining: number }>()
  readonly #buffer = Buffer.allocUnsafeSlow(PIECE_BYTES)

  constructor(vive: ViveFS, root: Buffer, options: ExportOptions) {
    this.#core = options.snapshot === undefined ? coreOf(vive) : viewOf(coreOf(vive), options.snapshot)
    this.#meter = new Meter('export', options)
    this.#root = root
    this.#owners = options.owners ?? process.geteuid?.() === 0
    this.#overwrite = options.overwrite === true
  }

  async run(volumePath: Buffer): Promise<TransferReport> {
    const meter = this.#meter
    meter.assertGoingOn()
    const source = await inodeAt(this.#core, volumePath)
    if (!isDirectory(source)) throw new FilesystemError('ENOTDIR', { syscall: 'export', path: volumePath })
    mkdirSync(this.#root, { recursive: true })
    if (!this.#overwrite && readdirSync(this.#root).length > 0) {
      throw new FilesystemError('ENOTEMPTY', { syscall: 'export', path: this.#root })
    }
    if (meter.wantsProgress) {
      meter.phase = 'scan'
      meter.total = (await measureVolume(this.#core, source.ino, () => meter.breathe())).bytes
      meter.phase = 'export'
    }
    meter.directories++
    const tasks: Task[] = [{ inode: source, hostPath: this.#root, path: Buffer.alloc(0), finish: false }]
    for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
      if (task.finish) {
        this.#finish(task)
      } else {
        tasks.push({ ...task, finish: true })
        await this.#fill(task, tasks)
      }
    }
    return meter.report()
  }

  async #fill(directory: Directory, tasks: Task[]): Promise<void> {
    for await (const page of listVolume(this.#core, directory.inode.ino)) {
      for (const { name, inode } of page) {
        const text = name.toString('latin1')
        const hostPath = joinPath(directory.hostPath, text)
        const path = joinPath(directory.path, text)
        try {
          if (isDirectory(inode)) {
            if (this.#makeDirectory(hostPath)) tasks.push({ inode, hostPath, path, finish: false })
          } else {
            await this.#exportEntry(inode, hostPath, path)
          }
        } catch (error) {
          this.#report(path, error)
        }
        await this.#meter.breathe()
      }
    }
  }

  #report(path: Buffer, error: unknown): void {
    this.#meter.assertGoingOn()
    const code = codeOf(error)
    if (code === undefined || code === 'ENOSPC' || code === 'EDQUOT' || code.startsWith('ERR_VIVEFS_')) throw error
    this.#meter.findings.add('failed', path, error instanceof Error ? error.message : String(error), code)
  }

  #makeDirectory(hostPath: Buffer): boolean {
    try {
      mkdirSync(hostPath, { mode: 0o700 })
    } catch (error) {
      // A link to a directory is not one: what is in the volume must not go where a link of the host leads.
      const isThere = codeOf(error) === 'EEXIST' && this.#overwrite && lstatHost(hostPath).isDirectory()
      if (!isThere) throw error
    }
    this.#meter.directories++
    return true
  }

  async #exportEntry(inode: Inode, hostPath: Buffer, path: Buffer): Promise<void> {
    const meter = this.#meter
    if (this.#overwrite) clear(hostPath)
    if (this.#addLink(inode, hostPath)) return
    if (isFile(inode)) {
      await this.#exportFile(inode, hostPath)
      meter.files++
    } else if (isSymlink(inode)) {
      symlinkSync(Buffer.from(inode.target), hostPath)
      if (this.#owners) lchownSync(hostPath, inode.uid, inode.gid)
      lutimesSync(hostPath, secondsOf(inode.atime), secondsOf(inode.mtime))
      meter.symlinks++
    } else {
      const reason = await makeSpecial(this.#root, hostPath, {
        type: typeOf(inode),
        rdevMajor: inode.rdevMajor,
        rdevMinor: inode.rdevMinor,
      })
      if (reason !== undefined) {
        meter.findings.add('skipped', path, reason)
        return
      }
      if (this.#owners) chownSync(hostPath, inode.uid, inode.gid)
      chmodSync(hostPath, inode.mode & PERMISSIONS)
      utimesSync(hostPath, secondsOf(inode.atime), secondsOf(inode.mtime))
      meter.specials++
    }
    if (inode.nlink > 1) this.#links.set(inode.ino, { hostPath, remaining: inode.nlink - 1 })
  }

  #addLink(inode: Inode, hostPath: Buffer): boolean {
    const link = this.#links.get(inode.ino)
    if (link === undefined) return false
    linkSync(link.hostPath, hostPath)
    if (--link.remaining === 0) this.#links.delete(inode.ino)
    this.#meter.hardLinks++
    return true
  }

  async #exportFile(inode: Inode, hostPath: Buffer): Promise<void> {
    const fd = openSync(hostPath, 'wx', 0o600)
    try {
      await (inode.allocatedBytes < inode.size ? this.#copySparse(inode, fd) : this.#copy(inode, fd, 0, inode.size))
      if (this.#owners) fchownSync(fd, inode.uid, inode.gid)
      fchmodSync(fd, inode.mode & PERMISSIONS)
      futimesSync(fd, secondsOf(inode.atime), secondsOf(inode.mtime))
    } finally {
      closeSync(fd)
    }
  }

  async #copy(inode: Inode, fd: number, from: number, to: number): Promise<void> {
    for (let offset = from; offset < to; ) {
      const piece = this.#buffer.subarray(0, Math.min(PIECE_BYTES, to - offset))
      const bytes = await readVolume(this.#core, inode.ino, offset, piece)
      if (bytes === 0) return
      for (let done = 0; done < bytes; ) done += writeSync(fd, piece, done, bytes - done, offset + done)
      offset += bytes
      this.#meter.bytes += bytes
      if (offset < to) await this.#meter.breathe()
    }
  }

  async #copySparse(inode: Inode, fd: number): Promise<void> {
    let offset = 0
    for (;;) {
      const data = await nextData(this.#core, inode.ino, offset)
      if (data === undefined) break
      this.#meter.bytes += data.from - offset
      await this.#copy(inode, fd, data.from, data.to)
      offset = data.to
    }
    this.#meter.bytes += inode.size - offset
    ftruncateSync(fd, inode.size)
  }

  #finish({ inode, hostPath, path }: Directory): void {
    try {
      if (this.#owners) chownSync(hostPath, inode.uid, inode.gid)
      chmodSync(hostPath, inode.mode & PERMISSIONS)
      utimesSync(hostPath, secondsOf(inode.atime), secondsOf(inode.mtime))
    } catch (error) {
      this.#report(path, error)
    }
  }
}

/** Removes what is in the way of something that is not a directory. */
function clear(hostPath: Buffer): void {
  try {
    rmSync(hostPath as unknown as string)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}
