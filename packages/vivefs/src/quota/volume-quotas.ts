/** Quotas for users of the library: `vive.quotas`. */
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { isDirectory, superuser } from '../core/mode.ts'
import { resolve } from '../core/walk.ts'
import { FilesystemError, ViveError } from '../errors.ts'
import { decodeDirent } from '../format/dirent.ts'
import { direntRange, hashOfDirentKey, nameOfDirentKey } from '../format/keys.ts'
import type { QuotaGrace, QuotaLimits } from '../format/quota.ts'
import type { QuotaKind } from '../format/quota-kind.ts'
import { type Op, runAsync } from '../op.ts'
import type { Owner } from './quotas.ts'

/** Use and limits of one owner. */
export interface QuotaReport extends Owner {
  readonly limits: QuotaLimits
  /** `bytes` as `blocks` of stat counts them: what files hold, not what they are long. */
  readonly used: { readonly bytes: number; readonly inodes: number }
  /** When the grace above a soft limit ends, ms since 1970; undefined: it is not above. */
  readonly graceEnds: { readonly bytesMs: number | undefined; readonly inodesMs: number | undefined }
}

const ID_MAX = 0xffff_fffe
const KINDS: readonly QuotaKind[] = ['user', 'group', 'project']
const ENTRIES_PER_STEP = 256

function assertOwner(kind: QuotaKind, id: number): void {
  if (!KINDS.includes(kind)) throw new ViveError('ERR_VIVEFS_OPTION', `not a kind of quota: ${kind}`)
  if (!Number.isInteger(id) || id < (kind === 'project' ? 1 : 0) || id > ID_MAX) {
    throw new ViveError('ERR_VIVEFS_OPTION', `not a number of a ${kind}: ${id}`)
  }
}

function assertLimits(limits: Partial<QuotaLimits>): void {
  for (const [name, limit] of Object.entries(limits)) {
    if (!['bytesSoft', 'bytesHard', 'inodesSoft', 'inodesHard'].includes(name)) {
      throw new ViveError('ERR_VIVEFS_OPTION', `not a limit: ${name}`)
    }
    if (!Number.isSafeInteger(limit) || (limit as number) < 0) {
      throw new ViveError('ERR_VIVEFS_OPTION', `${name}: a number of 0 (no limit) or more`)
    }
  }
}

/**
 * Limits on what users, groups and projects use. A project is a directory tree with a number (`assign`). The calls act as the
 * superuser. docs/quotas.md
 */
export class VolumeQuotas {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
  }

  /** Whether use is followed and limits are kept. */
  get isOn(): boolean {
    return this.#core.quotas.isOn
  }

  /**
   * Turns quotas on: counts what is in use, while changes wait (reads go on), about a second for 100,000 files. Does nothing when they are on.
   * Errors: EROFS, EBUSY (a check is under way), the reason of `signal`.
   */
  async on({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { quotas } = this.#core
    if (quotas.isOn) return
    this.#assertWritable()
    await this.#core.freeze()
    try {
      await quotas.recount({ ...quotas.state, isOn: true }, signal)
    } finally {
      this.#core.thaw()
    }
  }

  /** Turns quotas off; limits are kept for the next time. */
  async off(): Promise<void> {
    const { quotas } = this.#core
    if (!quotas.isOn) return
    this.#assertWritable()
    await this.#core.freeze()
    try {
      await quotas.turnOff()
    } finally {
      this.#core.thaw()
    }
  }

  /**
   * Sets limits of one owner; those that are not named stay, 0 is none. Turns quotas on when they are off. What is used already is not
   * touched: whoever is above may not use more. Errors: ERR_VIVEFS_OPTION, and those of `on`.
   */
  async set(kind: QuotaKind, id: number, limits: Partial<QuotaLimits>): Promise<void> {
    assertOwner(kind, id)
    assertLimits(limits)
    await this.on()
    const { quotas } = this.#core
    await runAsync(this.#core.run(superuser, (call) => quotas.setLimits(call, { kind, id }, limits)))
  }

  /** How long use of that kind may stay above a soft limit, ms; default a week. */
  async setGrace(kind: QuotaKind, grace: Partial<QuotaGrace>): Promise<void> {
    assertOwner(kind, 1)
    for (const ms of Object.values(grace)) {
      if (!Number.isSafeInteger(ms) || ms < 0) throw new ViveError('ERR_VIVEFS_OPTION', 'grace: milliseconds')
    }
    await this.on()
    const { quotas } = this.#core
    await runAsync(
      this.#core.run(superuser, (call) => {
        const { state } = quotas
        return quotas.setState(call, {
          ...state,
          grace: { ...state.grace, [kind]: { ...state.grace[kind], ...grace } },
        })
      }),
    )
  }

  /** What one owner uses and may use; of an owner who is not known everything is 0. */
  get(kind: QuotaKind, id: number): QuotaReport {
    assertOwner(kind, id)
    return this.#report({ kind, id })
  }

  /** All owners that use something or have limits: users, groups, projects, each in the order of their numbers. */
  report(): QuotaReport[] {
    return this.#core.quotas
      .list()
      .map((owner) => this.#report(owner))
      .filter(({ used, limits }) => used.inodes > 0 || Object.values(limits).some((limit) => limit > 0))
      .sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || a.id - b.id)
  }

  #report({ kind, id }: Owner): QuotaReport {
    const { quotas } = this.#core
    const { bytes, inodes, bytesSince, inodesSince, ...limits } = quotas.of(kind, id)
    const { bytesMs, inodesMs } = quotas.state.grace[kind]
    return {
      kind,
      id,
      limits,
      used: { bytes, inodes },
      graceEnds: {
        bytesMs: bytesSince > 0 ? bytesSince + bytesMs : undefined,
        inodesMs: inodesSince > 0 ? inodesSince + inodesMs : undefined,
      },
    }
  }

  /**
   * Gives a directory and all below it to a project; 0 takes them out of any. What is made in it belongs to the project, and what is moved or
   * linked in or out by name is EXDEV, so that mv copies. Bounded transactions, the directory itself first: after a crash the same call
   * goes on. Answers how many inodes changed. Errors: ENOENT, ENOTDIR, EDQUOT, EROFS, the reason of `signal`.
   */
  async assign(path: string, id: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<number> {
    if (id !== 0) assertOwner('project', id)
    this.#assertWritable()
    const core = this.#core
    const top = await runAsync(core.run(superuser, (call) => assignTop(call, path, id)))
    let changed = top.isChanged ? 1 : 0
    const open = [top.ino]
    for (let ino = open.pop(); ino !== undefined; ino = open.pop()) {
      const directory = ino
      for (let from = 0; from >= 0; ) {
        signal?.throwIfAborted()
        const start: number = from
        const step = await runAsync(core.run(superuser, (call) => assignEntries(call, directory, id, start)))
        changed += step.changed
        open.push(...step.directories)
        from = step.next
      }
    }
    return changed
  }

  /** The project of a file or directory; 0: none. */
  async projectOf(path: string): Promise<number> {
    const core = this.#core
    const find = core.read(superuser, (call) => resolve(call, core.superblock.rootIno, Buffer.from(path), 'nofollow'))
    return (await runAsync(find)).projectId
  }

  #assertWritable(): void {
    if (this.#core.options.readOnly) throw new FilesystemError('EROFS')
  }
}

function* assignTop(call: Call, path: string, id: number): Op<{ readonly ino: number; readonly isChanged: boolean }> {
  const inode = yield* resolve(call, call.core.superblock.rootIno, Buffer.from(path), 'follow')
  if (!isDirectory(inode)) throw new FilesystemError('ENOTDIR')
  return { ino: inode.ino, isChanged: yield* assignOne(call, inode.ino, id) }
}

function* assignOne(call: Call, ino: number, id: number): Op<boolean> {
  const inode = yield* call.find(ino)
  if (inode === undefined || inode.projectId === id) return false
  call.edit(inode, 'ctime').projectId = id
  call.tellOf(inode, 'attrib')
  return true
}

interface Step {
  readonly changed: number
  /** Directories among them. */
  readonly directories: readonly number[]
  /** The name hash at which the next step begins; -1: that was all. */
  readonly next: number
}

function* assignEntries(call: Call, directory: number, id: number, from: number): Op<Step> {
  const rows = yield* call.tx.range(direntRange(directory, from, ENTRIES_PER_STEP))
  const directories: number[] = []
  let changed = 0
  let next = -1
  for (const { key, value } of rows) {
    const entry = decodeDirent(key, value)
    if (!entry.ok)
      throw new FilesystemError('EIO', { cause: new Error(`entry ${nameOfDirentKey(key)}: ${entry.fault}`) })
    if (yield* assignOne(call, entry.value.ino, id)) changed++
    if (entry.value.type === 0o040000) directories.push(entry.value.ino)
  }
  if (rows.length === ENTRIES_PER_STEP) {
    // Names of one hash may lie on both sides of the cut: that hash is looked at again.
    const last = hashOfDirentKey(rows[rows.length - 1].key)
    next = last > from ? last : last + 1
  }
  return { changed, directories, next }
}
