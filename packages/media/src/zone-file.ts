/**
 * One zone of a `directory` medium as one file.
 *
 *   preallocated:   0 ........ pointer ........ allocated end ........ capacity
 *                   | data    | stale or zeros | not yet in the file          |
 *   not preallocated: the file ends at the pointer.
 *   finished: cut to the pointer and without write permission; that is how 'full' survives reopening (loss of power: from the next
 *   sync on).
 *
 * Writes reach the file in order of their calls; a short write is continued, one that makes no progress is an error.
 *
 * Two descriptors, because the system tells a failed write-back once per descriptor: `#fd` writes, and blocking syncs ask through it;
 * `#laterFd` is for syncs in the thread pool. A blocking sync may thus run while one in the pool is under way: neither takes the other's
 * error.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  read as readCallback,
  readSync,
  statSync,
  write as writeCallback,
  writeSync,
  writev as writevCallback,
  writevSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { readFully } from './durable-file.ts'
import { MediumError } from './error.ts'
import type { Bytes } from './medium.ts'
import type { Slab, SlabPool } from './slab.ts'

const fdatasyncLater = promisify(fdatasync)
const fsyncLater = promisify(fsync)
/** Buffers per gathering write; above, they are joined first. */
const GATHER_MAX = 64
const ZEROS = new Uint8Array(1 << 20)

const writeLater = (fd: number, bytes: Bytes, from: number, length: number, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    writeCallback(fd, bytes, from, length, position, (error, written) => (error ? reject(error) : resolve(written)))
  })
const writevLater = (fd: number, parts: readonly Bytes[], position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    writevCallback(fd, parts, position, (error, written) => (error ? reject(error) : resolve(written)))
  })
const readLater = (fd: number, into: Bytes, from: number, position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    readCallback(fd, into, from, into.length - from, position, (error, read) => (error ? reject(error) : resolve(read)))
  })

const bytesOf = (parts: readonly Bytes[]): number => parts.reduce((sum, part) => sum + part.length, 0)

/** What is left of `parts` after `done` bytes. */
function rest(parts: readonly Bytes[], done: number): Bytes[] {
  const left: Bytes[] = []
  let skip = done
  for (const part of parts) {
    if (skip < part.length) left.push(skip === 0 ? part : part.subarray(skip))
    skip = Math.max(0, skip - part.length)
  }
  return left
}

function progress(written: number, done: number, bytes: number): number {
  if (written <= 0) throw new MediumError('MEDIA_SHORT_WRITE', `${done} of ${bytes} bytes were written`)
  return done + written
}

/** Copies bytes [from, from + slab length) of `parts` into the slab; returns how many. */
function gather(parts: readonly Bytes[], from: number, slab: Slab): number {
  let at = 0
  for (const part of rest(parts, from)) {
    const length = Math.min(part.length, slab.bytes.length - at)
    slab.bytes.set(part.subarray(0, length), at)
    at += length
    if (at === slab.bytes.length) break
  }
  return at
}

export interface ZoneFileOptions {
  /** Creates it when absent. */
  readonly create: boolean
  readonly readOnly: boolean
  /** Slabs for direct I/O; undefined: buffered. */
  readonly slabs: SlabPool | undefined
}

/** Whether the file at `path` was finished: it lacks its owner's write permission. */
export function isSealed(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat !== undefined && (stat.mode & 0o200) === 0
}

export class ZoneFile {
  readonly path: string
  /** Bytes in the file: what lies beyond cannot be read and would have to be allocated. */
  allocatedBytes: number
  /** When it was last asked for, in accesses of the medium. */
  lastUse = 0
  /** Changes made, and how many of them a finished sync covers. */
  #changes = 0
  #synced = 0
  /** Sealed since it was opened: its syncs cover the permissions too. */
  #ended = false
  /** Bytes written since the last sync or write-behind was started. */
  #behindBytes = 0
  readonly #behind: Set<Promise<void>> = new Set()
  #lastSync: Promise<void> = Promise.resolve()
  /** What a sync or write-behind in the thread pool met first. */
  #failure: unknown
  #users = 0
  #closing = false
  readonly #fd: number
  readonly #laterFd: number
  readonly #directFd: number | undefined
  readonly #slabs: SlabPool | undefined

  constructor(path: string, options: ZoneFileOptions) {
    const { O_RDWR, O_RDONLY, O_CREAT, O_DIRECT } = constants
    this.path = path
    this.#slabs = options.slabs
    if (options.readOnly || isSealed(path)) {
      this.#fd = openSync(path, O_RDONLY)
      this.#laterFd = this.#fd
    } else {
      this.#fd = openSync(path, options.create ? O_RDWR | O_CREAT : O_RDWR, 0o644)
      this.#laterFd = openSync(path, O_RDWR)
      if (options.slabs !== undefined) this.#directFd = openSync(path, O_RDWR | O_DIRECT)
    }
    this.allocatedBytes = fstatSync(this.#fd).size
  }

  /** Written since what the last finished sync covers. */
  get dirty(): boolean {
    return this.#synced < this.#changes
  }

  // ---- writing ----

  async write(parts: readonly Bytes[], position: number): Promise<void> {
    const bytes = bytesOf(parts)
    this.#changes++
    this.#behindBytes += bytes
    if (this.#directFd !== undefined) await this.#writeDirect(parts, position, bytes)
    else {
      let done = 0
      while (done < bytes) {
        const left = rest(parts, done)
        const one = left.length === 1 ? left[0]! : left.length > GATHER_MAX ? Buffer.concat(left) : undefined
        const written =
          one === undefined
            ? await writevLater(this.#fd, left, position + done)
            : await writeLater(this.#fd, one, 0, one.length, position + done)
        done = progress(written, done, bytes)
      }
    }
    this.allocatedBytes = Math.max(this.allocatedBytes, position + bytes)
  }

  async #writeDirect(parts: readonly Bytes[], position: number, bytes: number): Promise<void> {
    const slab = await this.#slabs!.take()
    try {
      let done = 0
      while (done < bytes) {
        const length = gather(parts, done, slab)
        const written = await writeLater(this.#directFd!, slab.bytes, 0, length, position + done)
        done = progress(written, done, bytes)
      }
    } finally {
      this.#slabs!.give(slab)
    }
  }

  writeSync(parts: readonly Bytes[], position: number, bytes: number): void {
    this.#changes++
    this.#behindBytes += bytes
    const first = parts[0]!
    if (parts.length > 1 || this.#directFd !== undefined) this.#writeRest(parts, position, bytes, 0)
    else {
      const written = writeSync(this.#fd, first, 0, bytes, position)
      if (written !== bytes) this.#writeRest(parts, position, bytes, progress(written, 0, bytes))
    }
    const end = position + bytes
    if (end > this.allocatedBytes) this.allocatedBytes = end
  }

  #writeRest(parts: readonly Bytes[], position: number, bytes: number, before: number): void {
    // Without a free slab the same bytes go through the page cache, which the system keeps coherent.
    const slab = this.#directFd === undefined ? undefined : this.#slabs!.takeNow()
    try {
      let done = before
      while (done < bytes) {
        const at = position + done
        let written: number
        if (slab !== undefined) written = writeSync(this.#directFd!, slab.bytes, 0, gather(parts, done, slab), at)
        else {
          const left = done === 0 ? parts : rest(parts, done)
          if (left.length === 1) written = writeSync(this.#fd, left[0]!, 0, left[0]!.length, at)
          else if (left.length > GATHER_MAX)
            written = writeSync(this.#fd, Buffer.concat(left as Bytes[]), 0, undefined, at)
          else written = writevSync(this.#fd, left, at)
        }
        done = progress(written, done, bytes)
      }
    } finally {
      if (slab !== undefined) this.#slabs!.give(slab)
    }
  }

  /**
   * Zeros up to `end`, so that later appends change no metadata. On ENOSPC the file is cut back to what it was: the
   * space of a half-made allocation would be nobody's.
   */
  async allocate(end: number): Promise<void> {
    const before = this.allocatedBytes
    try {
      for (let at = before; at < end; ) {
        at += progress(await writeLater(this.#fd, ZEROS, 0, Math.min(ZEROS.length, end - at), at), 0, end - at)
      }
      this.allocatedBytes = end
    } catch (error) {
      ftruncateSync(this.#fd, before)
      throw error
    }
    this.#changes++
  }

  allocateSync(end: number): void {
    const before = this.allocatedBytes
    try {
      for (let at = before; at < end; ) {
        at += progress(writeSync(this.#fd, ZEROS, 0, Math.min(ZEROS.length, end - at), at), 0, end - at)
      }
      this.allocatedBytes = end
    } catch (error) {
      ftruncateSync(this.#fd, before)
      throw error
    }
    this.#changes++
  }

  // ---- reading ----

  async read(offset: number, into: Bytes): Promise<number> {
    let done = 0
    while (done < into.length) {
      const read = await readLater(this.#fd, into, done, offset + done)
      if (read === 0) break
      done += read
    }
    return done
  }

  /** Fills the first `bytes` bytes of `into`, all by default. */
  readSync(offset: number, into: Bytes, bytes: number = into.length): number {
    const read = readSync(this.#fd, into, 0, bytes, offset)
    return read === bytes || read === 0 ? read : read + readFully(this.#fd, into.subarray(read, bytes), offset + read)
  }

  // ---- state ----

  /** Other names of this file: a checkpoint holds it, so its bytes may not be written over. */
  linkedElsewhere(): boolean {
    return fstatSync(this.#fd).nlink > 1
  }

  /** One at a time, and together with the write-behinds that overlap it: the system may have told its error to any of them. */
  sync(): Promise<void> {
    const run = this.#lastSync.then(() => this.#syncLater())
    this.#lastSync = run.catch(() => {})
    return run
  }

  async #syncLater(): Promise<void> {
    const covers = this.#changes
    this.#behindBytes = 0
    try {
      await (this.#ended ? fsyncLater(this.#laterFd) : fdatasyncLater(this.#laterFd))
    } catch (error) {
      this.#failure ??= error
    }
    if (this.#behind.size > 0) await Promise.allSettled(this.#behind)
    if (this.#failure !== undefined) throw this.#failure
    this.#synced = Math.max(this.#synced, covers)
  }

  syncNow(): void {
    const covers = this.#changes
    this.#behindBytes = 0
    if (this.#ended) fsyncSync(this.#fd)
    else fdatasyncSync(this.#fd)
    this.#synced = Math.max(this.#synced, covers)
  }

  /** True when `afterBytes` more lie here than any sync or write-behind was started for. */
  isBehind(afterBytes: number): boolean {
    return this.#behindBytes >= afterBytes
  }

  /** Starts writing what the page cache holds, in the thread pool. It promises nothing; its error is the caller's and the next sync's. */
  async writeBehind(): Promise<void> {
    this.#behindBytes = 0
    this.hold()
    const run = fdatasyncLater(this.#laterFd)
    this.#behind.add(run)
    try {
      await run
    } catch (error) {
      this.#failure ??= error
      throw error
    } finally {
      this.#behind.delete(run)
      this.release()
    }
  }

  /** Cuts the file to `pointer` and takes its write permission; the next sync makes it durable. */
  seal(pointer: number): void {
    ftruncateSync(this.#fd, pointer)
    fchmodSync(this.#fd, 0o444)
    this.allocatedBytes = pointer
    this.#ended = true
    this.#changes++
  }

  /** Gives back write permission, for the next open. */
  unseal(): void {
    fchmodSync(this.#fd, 0o644)
  }

  /** Cuts the file. */
  truncate(length: number): void {
    ftruncateSync(this.#fd, length)
    this.allocatedBytes = length
    this.#changes++
  }

  /** Operations are under way: the file stays open until the last `release`. */
  get busy(): boolean {
    return this.#users > 0
  }

  hold(): void {
    this.#users++
  }

  release(): void {
    this.#users--
    if (this.#closing && this.#users === 0) this.#close()
  }

  close(): void {
    this.#closing = true
    if (this.#users === 0) this.#close()
  }

  #close(): void {
    if (this.#directFd !== undefined) closeSync(this.#directFd)
    if (this.#laterFd !== this.#fd) closeSync(this.#laterFd)
    closeSync(this.#fd)
  }
}
