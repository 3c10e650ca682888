/**
 * One mounted volume: what the kernel knows of it, and how requests become calls of the inner face. It reads and writes no device: a
 * channel hands requests in and takes answers out, so that it runs wherever the volume lives.
 */
import {
  type Credentials,
  type Fsal,
  type Handle,
  type Op,
  type OpenFile,
  runSync,
  SyncUnavailableError,
} from 'vivefs/fsal'
import { type Answer, Answers, type Body } from './answers.ts'
import { Errno } from './errno.ts'
import type { MountOptions } from './mount-options.ts'
import { NodeTable } from './node-table.ts'
import { type Notices, noticesOf } from './notices.ts'
import { attributeOperations } from './operations/attributes.ts'
import { directoryOperations } from './operations/directories.ts'
import { fileOperations } from './operations/files.ts'
import { lockOperations } from './operations/locks.ts'
import { nameOperations } from './operations/names.ts'
import { spaceOperations } from './operations/space.ts'
import { xattrOperations } from './operations/xattrs.ts'
import { decodeInit, encodeInit, FEATURE, MAJOR, MINOR_MIN } from './protocol/init.ts'
import { OPCODE, OPCODE_NAMES } from './protocol/opcode.ts'
import { readU64, type Trust } from './protocol/wire.ts'
import { decodeRequest, type Request } from './request.ts'
import { SupplementaryGroups } from './supplementary-groups.ts'

export type { Body }
export type Operation = (session: Session, request: Request) => Op<Body>
export type Operations = Readonly<Record<number, Operation>>

const operations: Operations = {
  ...attributeOperations,
  ...directoryOperations,
  ...fileOperations,
  ...lockOperations,
  ...nameOperations,
  ...spaceOperations,
  ...xattrOperations,
}

/** Beyond every opcode. */
const OPCODES_MAX = 128

/** Operations with effects outside the volume before they wait: they are driven once only. */
const ONCE: ReadonlySet<number> = new Set([OPCODE.RELEASE, OPCODE.RELEASEDIR])

/** Requests that may change a mode (set-id bits go) without the kernel being told by the answer. */
const WRITES: ReadonlySet<number> = new Set([OPCODE.WRITE, OPCODE.OPEN, OPCODE.CREATE, OPCODE.COPY_FILE_RANGE])

/**
 * The least that attributes are trusted, rounded up by the kernel to a tick of its clock (1 to 10 ms): those that come with a name then serve the
 * call that looked the name up. With 0 the kernel asks for them again in the same call, and for those of each directory on the way.
 */
const ONE_CALL_SECONDS = 1e-9

/** Open files at a time; more is ENFILE. */
const OPEN_FILES_MAX = 1 << 20

export interface SessionCounts {
  readonly requests: ReadonlyMap<string, number>
  readonly pending: number
  readonly nodes: number
  readonly openFiles: number
}

export class Session {
  readonly fsal: Fsal
  readonly nodes: NodeTable
  readonly trust: Trust
  readonly options: MountOptions
  /** What a store that cannot tell its free space is said to have. */
  readonly freeBytes: (() => number) | undefined
  /** The kernel let go: nothing more will be asked. */
  ended = false
  /** Requests that wait for the store. */
  pending = 0
  readonly answers: Answers
  /** What the owners of locks of this mount are told from all others by. */
  readonly lockSession: string
  /** Requests that an INTERRUPT ends, by their number. */
  readonly #interrupts = new Map<number, AbortController>()
  readonly #groups = new SupplementaryGroups()
  readonly #files = new Map<number, OpenFile>()
  /** Numbers of open files that were made without a name and may be given one, by node. */
  readonly #temporary = new Map<number, number>()
  readonly #counts = new Float64Array(OPCODES_MAX)
  #nextFile = 1
  /** The request that is being run, by its opcode; 0: none. What changes by it the kernel knows. */
  #serving = 0
  readonly #unlisten: () => void
  /** Nobody but the kernel changes the volume. */
  readonly isAlone: boolean

  /**
   * `notify` takes whole messages that nobody asked for, to be sent by another thread than the one that answers. Without it nobody but the kernel
   * may change the volume.
   */
  constructor(o: {
    fsal: Fsal
    rootIno: number
    options: MountOptions
    answer: Answer
    notify?: (message: Buffer) => void
    freeBytes?: () => number
  }) {
    const { fsal, options, notify } = o
    this.fsal = fsal
    this.options = options
    this.nodes = new NodeTable(fsal.root(), o.rootIno)
    this.trust = {
      entrySeconds: options.entrySeconds,
      attributeSeconds: Math.max(options.attributeSeconds, ONE_CALL_SECONDS),
    }
    this.answers = new Answers(o.answer)
    this.lockSession = fsal.lockSession('fuse')
    this.freeBytes = o.freeBytes
    this.isAlone = notify === undefined
    const notices: Notices | undefined = notify === undefined ? undefined : noticesOf(this.nodes, notify)
    // About attributes alone the kernel can be told at once: it waits for nothing then.
    const atOnce = noticesOf(this.nodes, (message) => o.answer(message, message.length))
    this.#unlisten = fsal.listen((change) => {
      if (this.#serving === 0) notices?.(change)
      else if (change.kind === 'attrib' && WRITES.has(this.#serving)) atOnce(change)
    })
  }

  get counts(): SessionCounts {
    const requests = new Map<string, number>()
    for (const [opcode, n] of this.#counts.entries()) {
      if (n > 0) requests.set(OPCODE_NAMES.get(opcode) ?? `${opcode}`, n)
    }
    return { requests, pending: this.pending, nodes: this.nodes.size, openFiles: this.#files.size }
  }

  /** Who asks, by the rules of the volume; `umask` is that of who makes something. */
  who({ uid, gid, pid }: Request, umask = 0): Credentials {
    const { mapUid, mapGid } = this.options
    const groups = uid === 0 ? [] : this.#groups.of(pid)
    if (mapUid === undefined && mapGid === undefined) return { uid, gid, groups, umask }
    return {
      uid: mapUid?.(uid) ?? uid,
      gid: mapGid?.(gid) ?? gid,
      groups: mapGid === undefined ? groups : groups.map(mapGid),
      umask,
    }
  }

  /** ESTALE: the kernel speaks of an inode that it should have forgotten. */
  handle(nodeId: number): Handle {
    const handle = this.nodes.handleOf(nodeId)
    if (handle === undefined) throw new Errno('ESTALE')
    return handle
  }

  keep(file: OpenFile): number {
    if (this.#files.size >= OPEN_FILES_MAX) throw new Errno('ENFILE')
    const number = this.#nextFile++
    this.#files.set(number, file)
    return number
  }

  file(number: number): OpenFile {
    const file = this.#files.get(number)
    if (file === undefined) throw new Errno('EBADF')
    return file
  }

  drop(number: number): OpenFile | undefined {
    const file = this.#files.get(number)
    this.#files.delete(number)
    if (file !== undefined && this.#temporary.get(file.ino) === number) this.#temporary.delete(file.ino)
    return file
  }

  /** The inode of this open file has no name and may be given one while the file is open. */
  nameless(number: number): void {
    this.#temporary.set(this.file(number).ino, number)
  }

  isNameless(nodeId: number): boolean {
    return this.#temporary.has(this.nodes.idOf(nodeId))
  }

  /** What tells the request of that number that its caller does not wait any longer. */
  interruptible(unique: number): AbortSignal {
    const control = new AbortController()
    this.#interrupts.set(unique, control)
    return control.signal
  }

  uninterruptible(unique: number): void {
    this.#interrupts.delete(unique)
  }

  /** Files that the kernel never released, when the mount ends, and locks. */
  *closeAll(): Op<void> {
    this.#unlisten()
    this.fsal.endLockSession(this.lockSession)
    for (const file of this.#files.values()) yield* this.fsal.close(file)
    this.#files.clear()
  }

  /**
   * Serves one request, the first `length` of `bytes`. A promise: they stay in use until it is fulfilled. Of a request that waits only a write keeps its bytes: the
   * other operations take what they need before they wait first.
   */
  serve(bytes: Buffer, length: number): Promise<void> | undefined {
    const request = decodeRequest(bytes, length)
    if (request === undefined) return undefined
    if (request.opcode < OPCODES_MAX) this.#counts[request.opcode]!++
    switch (request.opcode) {
      case OPCODE.FORGET:
        this.nodes.forget(request.nodeId, readU64(request.body, 0))
        return undefined
      case OPCODE.BATCH_FORGET:
        this.#forgetMany(request.body)
        return undefined
      case OPCODE.INTERRUPT:
        // Only who waits for a lock waits long: any other answer comes by itself.
        this.#interrupts.get(readU64(request.body, 0))?.abort()
        return undefined
      case OPCODE.INIT:
        this.#init(request)
        return undefined
      case OPCODE.DESTROY:
        this.ended = true
        this.answers.reply(request.unique, undefined)
        return undefined
      default:
        return this.#dispatch(request)
    }
  }

  #forgetMany(body: Buffer): void {
    const count = body.readUInt32LE(0)
    for (let i = 0; i < count; i++) this.nodes.forget(readU64(body, 8 + 16 * i), readU64(body, 16 + 16 * i))
  }

  #init(request: Request): void {
    const asked = decodeInit(request.body)
    if (asked.major !== MAJOR || asked.minor < MINOR_MIN) {
      this.answers.refuse(request.unique, 'EPROTO')
      this.ended = true
      return
    }
    const { writeback, locks, acl } = this.options
    const wanted =
      FEATURE.ASYNC_READ |
      FEATURE.ATOMIC_O_TRUNC |
      FEATURE.EXPORT_SUPPORT |
      FEATURE.BIG_WRITES |
      // A default list stands in the place of the caller's umask: both come here.
      FEATURE.DONT_MASK |
      // Where nobody else changes anything, the kernel need not ask for times before it reads what it has.
      (this.isAlone ? 0 : FEATURE.AUTO_INVAL_DATA) |
      FEATURE.DO_READDIRPLUS |
      FEATURE.READDIRPLUS_AUTO |
      FEATURE.ASYNC_DIO |
      FEATURE.PARALLEL_DIROPS |
      FEATURE.MAX_PAGES |
      FEATURE.CACHE_SYMLINKS |
      // Who writes, truncates or chowns loses set-id bits and capabilities here: the kernel need not look before every write.
      FEATURE.HANDLE_KILLPRIV_V2 |
      (writeback ? FEATURE.WRITEBACK_CACHE : 0) |
      (acl ? FEATURE.POSIX_ACL : 0) |
      (locks === 'volume' ? FEATURE.POSIX_LOCKS | FEATURE.FLOCK_LOCKS : 0)
    this.answers.reply(request.unique, encodeInit(asked, wanted))
  }

  #dispatch(request: Request): Promise<void> | undefined {
    const operation = operations[request.opcode]
    // Told once that there is nothing to do when a descriptor is closed, the kernel saves that request from then on.
    const isKernels = this.options.locks === 'kernel' && request.opcode in lockOperations
    if (operation === undefined || isKernels) {
      this.answers.refuse(request.unique, 'ENOSYS')
      return undefined
    }
    const { unique } = request
    if (this.fsal.sync === 'full' && !ONCE.has(request.opcode)) {
      this.#serving = request.opcode
      try {
        this.answers.reply(unique, runSync(operation(this, request)))
        return undefined
      } catch (error) {
        // It has published nothing: it runs again, and waits.
        if (!(error instanceof SyncUnavailableError)) {
          this.answers.refuse(unique, error)
          return undefined
        }
      } finally {
        this.#serving = 0
      }
    }
    return this.#start(operation, request)
  }

  #start(operation: Operation, request: Request): Promise<void> | undefined {
    const { unique } = request
    let op: Op<Body>
    let step: IteratorResult<PromiseLike<unknown>, Body>
    try {
      op = operation(this, request)
      step = this.#step(request.opcode, () => op.next())
    } catch (error) {
      this.answers.refuse(unique, error)
      return undefined
    }
    if (step.done) {
      this.answers.reply(unique, step.value)
      return undefined
    }
    this.pending++
    const answered = this.#wait(op, step.value, request)
    return request.opcode === OPCODE.WRITE ? answered : undefined
  }

  #step<T>(
    opcode: number,
    run: () => IteratorResult<PromiseLike<unknown>, T>,
  ): IteratorResult<PromiseLike<unknown>, T> {
    this.#serving = opcode
    try {
      return run()
    } finally {
      this.#serving = 0
    }
  }

  /** Drives an operation that waits, to its answer; that goes out in the turn that made it, since it may lie in the memory that all answers use. */
  async #wait(op: Op<Body>, first: PromiseLike<unknown>, { unique, opcode }: Request): Promise<void> {
    let waited = first
    for (;;) {
      let value: unknown
      let failure: { thrown: unknown } | undefined
      try {
        value = await waited
      } catch (thrown) {
        failure = { thrown }
      }
      let step: IteratorResult<PromiseLike<unknown>, Body>
      try {
        step = this.#step(opcode, () => (failure === undefined ? op.next(value) : op.throw(failure.thrown)))
      } catch (error) {
        this.pending--
        this.answers.refuse(unique, error)
        return
      }
      if (step.done) {
        this.pending--
        this.answers.reply(unique, step.value)
        return
      }
      waited = step.value
    }
  }
}
