/**
 * Host directory into volume. Entries go in by batches of many small files in one transaction each, because a commit
 * costs more than a file; a directory gets its own attributes in the last batch that touches it, so that its times are
 * the host's and its row is written once. Big files stream in pieces (import-file.ts).
 */
import { type BigIntStats, readlinkSync, realpathSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import { type AttributeChanges, changeAttributes } from '../core/attributes.ts'
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { createEntry } from '../core/create.ts'
import { findChild } from '../core/directory.ts'
import { linkInode, unlinkEntry } from '../core/link.ts'
import { isDirectory, PERMISSIONS, S_IFDIR, superuser } from '../core/mode.ts'
import { putEntry, type WholeInode } from '../core/put-file.ts'
import { walk } from '../core/walk.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import { type Op, runAsync } from '../op.ts'
import { coreOf, type ViveFS } from '../vivefs.ts'
import { isFatal } from './findings.ts'
import {
  bytesOfName,
  closeQuietly,
  fstatHost,
  type HostName,
  identityOf,
  isSparseHost,
  joinPath,
  listHost,
  lstatHost,
  measureHost,
  openHost,
  splitDevice,
  timespecOf,
} from './host.ts'
import { type Awaited, ImportBatch, SMALL_BYTES_MAX } from './import-batch.ts'
import { streamFile } from './import-file.ts'
import { Meter } from './meter.ts'
import { exclusion } from './own-volume.ts'
import { Pipeline } from './pipeline.ts'
import type { ImportOptions, TransferReport } from './types.ts'
import { makeDirectories, pathBytes, splitPath } from './volume-tree.ts'

const IN_FLIGHT = 32
const SLASH = 0x2f

/** A directory on its way into the volume. */
interface Directory extends Awaited {
  readonly hostPath: Buffer
  readonly path: Buffer
  readonly attributes: AttributeChanges
}

/** The first name of a file with several. */
interface Link extends Awaited {
  remaining: bigint
}

/**
 * Copies the content of a host directory into a directory of the volume, which is made if need be and gets the host
 * directory's attributes: bytes, modes, owners, times, symbolic and hard links, special files, holes. Names are bytes.
 * What changes or vanishes meanwhile, or cannot be read, is a finding and the rest goes on.
 *
 * A single file goes to `volumePath`, or under its own name into the directory that is there, as cp(1) does; directories above it are made.
 *
 * Errors: ENOTEMPTY (the target is not, and `overwrite` is not set), EEXIST (the same, of a file), ENOTDIR, EISDIR, ENOENT (nothing at
 * `hostPath`), EINVAL (it is the volume's own), ENOSPC, those of the store, and the reason of `signal`. What was imported before an error
 * stays, and the volume is sound.
 */
export async function importTree(
  vive: ViveFS,
  hostPath: string | Buffer,
  volumePath: string | Uint8Array = '/',
  options: ImportOptions = {},
): Promise<TransferReport> {
  const meter = new Meter('import', options)
  const named = typeof hostPath === 'string' ? Buffer.from(resolvePath(hostPath)) : hostPath
  const task = new ImportTask(vive, meter, options)
  return await task.run(named, pathBytes(volumePath))
}

/** The last name of a path, latin1. */
const lastName = (path: Buffer): string => splitPath(path).at(-1)!

class ImportTask {
  readonly #core: Core
  readonly #meter: Meter
  readonly #pipeline: Pipeline
  readonly #overwrite: boolean
  readonly #owners: boolean
  readonly #holdsContents: boolean
  readonly #attributesFor: ImportOptions['attributes']
  readonly #who: NonNullable<ImportOptions['credentials']>
  readonly #whyExcluded: (path: Buffer) => string | undefined
  readonly #links = new Map<string, Link>()
  readonly #pending: Directory[] = []
  readonly #batch: ImportBatch
  #isSingle = false

  constructor(vive: ViveFS, meter: Meter, options: ImportOptions) {
    this.#core = coreOf(vive)
    this.#meter = meter
    this.#who = options.credentials ?? superuser
    this.#owners = options.owners ?? this.#who.uid === 0
    this.#holdsContents = options.contents ?? true
    this.#attributesFor = options.attributes
    this.#overwrite = options.overwrite === true
    this.#pipeline = new Pipeline(this.#core, this.#who, options.concurrency ?? IN_FLIGHT)
    this.#whyExcluded = exclusion(vive.volumeId, options.exclude)
    this.#batch = new ImportBatch(this.#pipeline, meter, (path, error) => this.#report(path, error))
  }

  async run(named: Buffer, volumePath: Buffer): Promise<TransferReport> {
    const meter = this.#meter
    // What is named is what it leads to, as it is with cp(1) and a path that ends in a slash.
    const hostPath = realpathSync.native(named, { encoding: 'buffer' })
    const stat = lstatHost(hostPath)
    if (!stat.isDirectory()) return await this.#runSingle(hostPath, lastName(named), stat, volumePath)
    if (this.#whyExcluded(hostPath) !== undefined) {
      throw new FilesystemError('EINVAL', { syscall: 'import', path: hostPath })
    }
    meter.assertGoingOn()
    const target = await makeDirectories(this.#core, this.#who, volumePath)
    if (target.entries > 0 && !this.#overwrite) {
      throw new FilesystemError('ENOTEMPTY', { syscall: 'import', path: volumePath })
    }
    if (meter.wantsProgress) {
      meter.phase = 'scan'
      meter.total = await measureHost(hostPath, () => meter.breathe())
      meter.phase = 'import'
    }
    const root: Directory = { hostPath, path: Buffer.alloc(0), attributes: this.#attributesOf(stat), ino: target.ino }
    meter.directories++
    try {
      this.#pending.push(root)
      for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop())
        await this.#importDirectory(next)
      await this.#batch.flush()
    } finally {
      // Whatever happens: nothing of this import is on its way any more when it returns.
      await this.#pipeline.drain()
    }
    return meter.report()
  }

  /** Imports what is no directory, as `name` if it goes into a directory. */
  async #runSingle(hostPath: Buffer, name: string, stat: BigIntStats, volumePath: Buffer): Promise<TransferReport> {
    const meter = this.#meter
    meter.assertGoingOn()
    const target = await this.#targetOf(volumePath, name)
    this.#isSingle = true
    if (meter.wantsProgress) meter.total = Number(stat.size)
    const parent: Directory = { hostPath, path: Buffer.alloc(0), attributes: {}, ino: target.directory }
    const path = bytesOfName(target.name)
    try {
      await this.#importLeaf(parent, target.name, hostPath, path, stat.isFile())
      await this.#batch.flush()
    } catch (error) {
      throw FilesystemError.is(error) ? error.locate({ syscall: 'import', path: volumePath }) : error
    } finally {
      await this.#pipeline.drain()
    }
    return meter.report()
  }

  /** Where a single file goes: into the directory at `path`, else to `path` itself. */
  async #targetOf(path: Buffer, name: string): Promise<{ directory: number; name: string }> {
    const names = splitPath(path)
    const isDirectoryMeant = names.length === 0 || path.at(-1) === SLASH
    const above = isDirectoryMeant ? path : Buffer.from(`/${names.slice(0, -1).join('/')}`, 'latin1')
    const { ino } = await makeDirectories(this.#core, this.#who, above)
    if (isDirectoryMeant) return { directory: ino, name }
    const { rootIno } = this.#core.superblock
    const there = await runAsync(this.#core.read(this.#who, (call) => walk(call, rootIno, path, 'follow')))
    const isInside = there.inode !== undefined && isDirectory(there.inode)
    return isInside ? { directory: there.inode.ino, name } : { directory: ino, name: names.at(-1)! }
  }

  async #importDirectory(directory: Directory): Promise<void> {
    try {
      for (const entry of listHost(directory.hostPath)) {
        await this.#importEntry(directory, entry)
        if (this.#batch.isFull) await this.#batch.flush()
      }
    } catch (error) {
      this.#report(directory.path, error)
    }
    const { attributes } = directory
    this.#batch.add({
      path: directory.path,
      parent: directory,
      *body(call, inode) {
        yield* changeAttributes(call, inode, attributes)
      },
      done: () => {},
    })
    if (this.#meter.wantsProgress) await this.#meter.breathe()
  }

  async #importEntry(parent: Directory, entry: HostName): Promise<void> {
    const hostPath = joinPath(parent.hostPath, entry.name)
    const path = joinPath(parent.path, entry.name)
    try {
      if (entry.type === 'directory') this.#addDirectory(parent, entry.name, hostPath, path)
      else await this.#importLeaf(parent, entry.name, hostPath, path, entry.type === 'file')
    } catch (error) {
      this.#report(path, error)
    }
  }

  /** Imports what is, or was a moment ago, no directory. */
  async #importLeaf(parent: Directory, name: string, hostPath: Buffer, path: Buffer, isFile: boolean): Promise<void> {
    if (isFile && this.#holdsContents) return await this.#importFile(parent, name, hostPath, path)
    const stat = lstatHost(hostPath)
    if (stat.isFile() && this.#holdsContents) return await this.#importFile(parent, name, hostPath, path)
    this.#addOther(parent, name, hostPath, path, stat)
  }

  /** Notes the error of one entry; throws what concerns all, and where there is only one. */
  #report(path: Buffer, error: unknown): void {
    this.#meter.assertGoingOn()
    if (this.#isSingle || isFatal(error)) throw error
    this.#meter.findings.addError(path, error)
  }

  async #importFile(parent: Directory, name: string, hostPath: Buffer, path: Buffer): Promise<void> {
    const meter = this.#meter
    const fd = openHost(hostPath)
    let isStreaming = false
    try {
      const stat = fstatHost(fd)
      if (!stat.isFile()) {
        this.#addOther(parent, name, hostPath, path, stat)
        return
      }
      if (this.#addLink(parent, name, path, stat)) return
      const link = this.#firstOf(stat)
      if (stat.size > SMALL_BYTES_MAX) {
        isStreaming = true
        await this.#batch.flush()
        return await this.#stream(parent, name, path, fd, stat, link)
      }
      const size = Number(stat.size)
      const content = this.#batch.read(fd, size)
      const bytes = content.length
      if (bytes !== size) meter.findings.add('changed', path, 'it changed while it was read')
      const what = { ...this.#wholeOf(stat), content, isSparse: isSparseHost(stat) }
      this.#addPut(parent, name, path, what, link, () => {
        meter.files++
        meter.bytes += bytes
      })
    } finally {
      if (!isStreaming) closeQuietly(fd)
    }
  }

  /** `fd` is closed at the end. */
  async #stream(
    parent: Directory,
    name: string,
    path: Buffer,
    fd: number,
    stat: BigIntStats,
    link: Link | undefined,
  ): Promise<void> {
    const meter = this.#meter
    if (parent.ino === 0) {
      closeQuietly(fd)
      return
    }
    const whole = this.#wholeOf(stat)
    const place = (call: Call, directory: Inode, what: WholeInode): Op<Inode> =>
      this.#put(call, directory, bytesOfName(name), what)
    const { ino, isChanged } = await streamFile({
      pipeline: this.#pipeline,
      meter,
      parent: parent.ino,
      fd,
      stat,
      whole,
      place,
    })
    if (link !== undefined) link.ino = ino
    if (isChanged) meter.findings.add('changed', path, 'it changed while it was read')
    meter.files++
  }

  #addDirectory(parent: Directory, name: string, hostPath: Buffer, path: Buffer): void {
    const reason = this.#whyExcluded(hostPath)
    if (reason !== undefined) {
      this.#meter.findings.add('skipped', path, reason)
      return
    }
    const directory: Directory = { hostPath, path, attributes: this.#attributesOf(lstatHost(hostPath)), ino: 0 }
    this.#batch.add({
      path,
      parent,
      body: (call, inode) => this.#placeDirectory(call, inode, bytesOfName(name), directory),
      makes: directory,
      done: () => {
        this.#meter.directories++
      },
    })
    this.#pending.push(directory)
  }

  *#placeDirectory(call: Call, parent: Inode, name: Buffer, directory: Directory): Op<void> {
    const existing = this.#overwrite ? yield* findChild(call, parent, name) : undefined
    if (existing !== undefined && !isDirectory(existing)) throw new FilesystemError('ENOTDIR')
    const inode = existing ?? (yield* createEntry(call, parent, name, { mode: S_IFDIR | 0o700 }))
    directory.ino = inode.ino
  }

  #addOther(parent: Directory, name: string, hostPath: Buffer, path: Buffer, stat: BigIntStats): void {
    const meter = this.#meter
    if (stat.isDirectory()) {
      this.#addDirectory(parent, name, hostPath, path)
      return
    }
    if (this.#addLink(parent, name, path, stat)) return
    const link = this.#firstOf(stat)
    const isLink = stat.isSymbolicLink()
    const what: WholeInode = {
      ...this.#wholeOf(stat),
      ...(isLink ? { target: readlinkSync(hostPath, { encoding: 'buffer' }) } : {}),
      ...(stat.isCharacterDevice() || stat.isBlockDevice() ? splitDevice(stat.rdev) : {}),
      ...(stat.isFile() ? { holeBytes: Number(stat.size) } : {}),
    }
    this.#addPut(parent, name, path, what, link, () => {
      if (isLink) meter.symlinks++
      else if (stat.isFile()) meter.files++
      else meter.specials++
    })
  }

  #addPut(
    parent: Directory,
    name: string,
    path: Buffer,
    what: WholeInode,
    link: Link | undefined,
    done: () => void,
  ): void {
    const put = (call: Call, inode: Inode): Op<Inode> => this.#put(call, inode, bytesOfName(name), what)
    this.#batch.add({
      path,
      parent,
      *body(call, inode) {
        const { ino } = yield* put(call, inode)
        if (link !== undefined) link.ino = ino
      },
      ...(link === undefined ? {} : { makes: link }),
      done,
    })
  }

  *#put(call: Call, parent: Inode, name: Buffer, what: WholeInode): Op<Inode> {
    if (this.#overwrite) yield* this.#clear(call, parent, name)
    return yield* putEntry(call, yield* call.inode(parent.ino), name, what)
  }

  /** Makes room for something that is not a directory. */
  *#clear(call: Call, parent: Inode, name: Buffer): Op<void> {
    const existing = yield* findChild(call, parent, name)
    if (existing === undefined) return
    if (isDirectory(existing)) throw new FilesystemError('EISDIR')
    yield* unlinkEntry(call, parent, name)
  }

  /** The record of a file with several names, at its first. */
  #firstOf(stat: BigIntStats): Link | undefined {
    if (stat.nlink < 2n) return undefined
    const link: Link = { ino: 0, remaining: stat.nlink - 1n }
    this.#links.set(identityOf(stat), link)
    return link
  }

  /** Whether the file went in under another name before, so that this one is a link to it. */
  #addLink(parent: Directory, name: string, path: Buffer, stat: BigIntStats): boolean {
    if (stat.nlink < 2n || stat.isDirectory()) return false
    const identity = identityOf(stat)
    const link = this.#links.get(identity)
    if (link === undefined) return false
    if (--link.remaining === 0n) this.#links.delete(identity)
    const clear = (call: Call, inode: Inode): Op<void> => this.#clear(call, inode, bytesOfName(name))
    const overwrite = this.#overwrite
    this.#batch.add({
      path,
      parent,
      *body(call, inode) {
        if (overwrite) yield* clear(call, inode)
        // 0: its first name did not go in. There is no inode 0, so this ends as ESTALE.
        yield* linkInode(call, yield* call.inode(link.ino), yield* call.inode(inode.ino), bytesOfName(name))
      },
      done: () => {
        this.#meter.hardLinks++
      },
    })
    return true
  }

  #attributesOf(stat: BigIntStats): Pick<WholeInode, 'mode' | 'uid' | 'gid' | 'atime' | 'mtime'> {
    const host = { mode: Number(stat.mode), uid: Number(stat.uid), gid: Number(stat.gid) }
    const { mode, uid, gid } = this.#attributesFor === undefined ? host : { ...host, ...this.#attributesFor(host) }
    return {
      mode: mode & PERMISSIONS,
      ...(this.#owners ? { uid, gid } : {}),
      atime: timespecOf(stat.atimeNs),
      mtime: timespecOf(stat.mtimeNs),
    }
  }

  #wholeOf(stat: BigIntStats): WholeInode {
    const attributes = this.#attributesOf(stat)
    return { ...attributes, mode: (Number(stat.mode) & ~PERMISSIONS) | attributes.mode }
  }
}
