/**
 * What changed between two snapshots, or since one: found in the history and among the inodes that are younger, so the work grows with
 * the changes and not with the volume; only the names of files that were changed in place have to be looked for.
 */
import type { Core } from '../core/core.ts'
import { corruption } from '../core/corruption.ts'
import { S_IFDIR, S_IFMT } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import { type Dirent, decodeDirent } from '../format/dirent.ts'
import { decodeInode, type Inode } from '../format/inode.ts'
import { allNodesRange, direntRange, inodeKey, nameOfDirentKey, nodeRange, parseNodeKey } from '../format/keys.ts'
import { metaHistoryRange, parseHistoryKey } from '../format/snapshot-keys.ts'
import { type Op, runAsync } from '../op.ts'
import { keyText } from '../store/key.ts'
import type { Bytes, KeyRange, Row, Tx } from '../store/store.ts'
import { registryOf } from './registry.ts'
import { SnapshotReader } from './view-store.ts'

const PAGE_ROWS = 256
/** Changed inodes whose names are looked for in one go. */
const CHANGED_MAX = 65_536
/** Paths of directories that are remembered. */
const PATHS_MAX = 4096

/**
 * A name that came, a name that went, or a file or directory whose content, entries or attributes changed. What moved went
 * in one place and came in another, with the same `ino`; what lies below a directory that moved is not told of.
 */
export interface SnapshotChange {
  readonly kind: 'added' | 'removed' | 'modified'
  /** From the root, in the later tree; of what was removed in the earlier one. */
  readonly path: string
  /** The same, exactly. */
  readonly pathBytes: Buffer
  readonly ino: number
  readonly isDirectory: boolean
}

/** One of the two trees. */
interface Side {
  get(tx: Tx, key: Bytes): Op<Bytes | undefined>
  range(tx: Tx, range: KeyRange): Op<readonly Row[]>
}

const present: Side = {
  get: (tx, key) => tx.get(key),
  range: (tx, range) => tx.range(range),
}

/** A difference whose path is not known yet. */
type Found =
  | { readonly kind: 'added' | 'removed'; readonly directory: number; readonly name: Buffer; readonly entry: Dirent }
  | { readonly kind: 'modified'; readonly inode: Inode }

/** ENOENT; the reason of `signal`. `to` undefined: the volume as it is, while it may go on changing. */
export async function* diffSnapshots(
  core: Core,
  from: string,
  to: string | undefined,
  signal?: AbortSignal,
): AsyncGenerator<SnapshotChange, void> {
  const { keeper } = registryOf(core)
  const infoOf = (name: string) => {
    const info = registryOf(core).find(name)
    if (info === undefined) throw new FilesystemError('ENOENT')
    return info
  }
  const first = infoOf(from)
  const second = to === undefined ? undefined : infoOf(to)
  const isBackwards = second !== undefined && second.tag < first.tag
  const older = isBackwards ? second : first
  const newer = isBackwards ? first : second
  const sides: Sides = {
    core,
    older: new SnapshotReader(older, keeper),
    newer: newer === undefined ? present : new SnapshotReader(newer, keeper),
    nextIno: older.nextIno,
    fromTag: older.tag,
    toTag: newer?.tag ?? Number.MAX_SAFE_INTEGER,
  }
  for await (const change of changesOf(sides, signal)) yield isBackwards ? turned(change) : change
}

interface Sides {
  readonly core: Core
  readonly older: Side
  readonly newer: Side
  /** Inodes from here on the older one does not know. */
  readonly nextIno: number
  readonly fromTag: number
  readonly toTag: number
}

const turned = (change: SnapshotChange): SnapshotChange =>
  change.kind === 'modified' ? change : { ...change, kind: change.kind === 'added' ? 'removed' : 'added' }

async function* changesOf(sides: Sides, signal: AbortSignal | undefined): AsyncGenerator<SnapshotChange, void> {
  const paths = { older: new Paths(sides.core, sides.older), newer: new Paths(sides.core, sides.newer) }
  const changed = new Map<number, Inode>()
  for await (const found of foundIn(sides, signal)) {
    if (found.kind === 'modified') {
      changed.set(found.inode.ino, found.inode)
      if (changed.size >= CHANGED_MAX) yield* named(sides, paths.newer, changed, signal)
      continue
    }
    const { kind, directory, name, entry } = found
    const above = await (kind === 'added' ? paths.newer : paths.older).of(directory)
    yield shown(kind, join(above, name), entry.ino, entry.type === S_IFDIR)
  }
  yield* named(sides, paths.newer, changed, signal)
}

const shown = (kind: SnapshotChange['kind'], pathBytes: Buffer, ino: number, isDirectory: boolean): SnapshotChange => ({
  kind,
  path: pathBytes.toString(),
  pathBytes,
  ino,
  isDirectory,
})

const SLASH = Buffer.from('/')
const join = (above: Buffer, name: Buffer): Buffer =>
  above.length === 1 ? Buffer.concat([SLASH, name]) : Buffer.concat([above, SLASH, name])

/** Rows that differ: those with history in between, then those of younger inodes. */
async function* foundIn(sides: Sides, signal: AbortSignal | undefined): AsyncGenerator<Found, void> {
  let after: Bytes | undefined
  let done = ''
  for (;;) {
    signal?.throwIfAborted()
    const rows = await page(sides, (tx) => tx.range(pageOf(metaHistoryRange, after)))
    const keys: Buffer[] = []
    for (const { key } of rows) {
      const at = parseHistoryKey(key)
      if (at === undefined || at.tag < sides.fromTag || at.tag >= sides.toTag || keyText(at.key) === done) continue
      done = keyText(at.key)
      const node = parseNodeKey(at.key)
      if (node !== undefined && node.sub !== 'xattr' && node.ino < sides.nextIno) keys.push(Buffer.from(at.key))
    }
    yield* await page(sides, (tx) => differences(tx, sides, keys))
    if (rows.length < PAGE_ROWS) break
    after = Buffer.from(rows[rows.length - 1]!.key)
  }
  const young = { gte: nodeRange(sides.nextIno).gte!, lt: allNodesRange.lt }
  for await (const rows of pagesOf(sides, sides.newer, young, signal)) {
    for (const { key, value } of rows) {
      const node = parseNodeKey(key)
      if (node?.sub !== 'dirent') continue
      yield { kind: 'added', directory: node.ino, name: Buffer.from(nameOfDirentKey(key)), entry: entryOf(key, value) }
    }
  }
}

const pageOf = (range: KeyRange, after: Bytes | undefined): KeyRange =>
  after === undefined
    ? { ...range, limit: PAGE_ROWS, keysOnly: true }
    : { gt: after, lt: range.lt, limit: PAGE_ROWS, keysOnly: true }

const page = <T>({ core }: Sides, body: (tx: Tx) => Op<T>): Promise<T> =>
  runAsync(core.read(NOBODY, (call) => body(call.tx)))

const NOBODY = { uid: 0, gid: 0, groups: [], umask: 0 }

async function* pagesOf(
  sides: Sides,
  side: Side,
  range: KeyRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Row[], void> {
  let start: Pick<KeyRange, 'gte' | 'gt'> = range
  for (;;) {
    signal?.throwIfAborted()
    const next = { ...start, lt: range.lt, limit: PAGE_ROWS }
    const rows = await page(sides, (tx) => side.range(tx, next))
    yield rows
    if (rows.length < PAGE_ROWS) return
    start = { gt: Buffer.from(rows[rows.length - 1]!.key) }
  }
}

function* differences(tx: Tx, { older, newer }: Sides, keys: readonly Buffer[]): Op<Found[]> {
  const found: Found[] = []
  for (const key of keys) {
    const before = yield* older.get(tx, key)
    const after = yield* newer.get(tx, key)
    const node = parseNodeKey(key)!
    if (node.sub === 'dirent') {
      const [gone, come] = [before, after].map((row) => (row === undefined ? undefined : entryOf(key, row)))
      if (gone?.ino === come?.ino) continue
      const where = { directory: node.ino, name: Buffer.from(nameOfDirentKey(key)) }
      if (gone !== undefined) found.push({ kind: 'removed', ...where, entry: gone })
      if (come !== undefined) found.push({ kind: 'added', ...where, entry: come })
    } else if (before !== undefined && after !== undefined) {
      const [was, is] = [inodeOf(key, before), inodeOf(key, after)]
      if (isModified(was, is)) found.push({ kind: 'modified', inode: is })
    }
  }
  return found
}

/** Reading a file changes its access time only. */
const isModified = (was: Inode, is: Inode): boolean =>
  was.change !== is.change ||
  was.size !== is.size ||
  was.mode !== is.mode ||
  was.ctime.sec !== is.ctime.sec ||
  was.ctime.nsec !== is.ctime.nsec

function entryOf(key: Bytes, row: Bytes): Dirent {
  const entry = decodeDirent(key, row)
  if (!entry.ok) throw corruption('directory entry', entry.fault)
  return entry.value
}

function inodeOf(key: Bytes, row: Bytes): Inode {
  const inode = decodeInode(key, row)
  if (!inode.ok) throw corruption('inode', inode.fault)
  return inode.value
}

/** The changed inodes under their names: all entries are looked through for them. Empties `changed`. */
async function* named(
  sides: Sides,
  paths: Paths,
  changed: Map<number, Inode>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SnapshotChange, void> {
  const { rootIno } = sides.core.superblock
  if (changed.has(rootIno)) yield shown('modified', SLASH, rootIno, true)
  const isNamed = [...changed.keys()].some((ino) => ino !== rootIno)
  if (isNamed) {
    for await (const rows of pagesOf(sides, sides.newer, allNodesRange, signal)) {
      for (const { key, value } of rows) {
        const node = parseNodeKey(key)
        if (node?.sub !== 'dirent') continue
        const { ino } = entryOf(key, value)
        const inode = changed.get(ino)
        if (inode === undefined) continue
        const path = join(await paths.of(node.ino), Buffer.from(nameOfDirentKey(key)))
        yield shown('modified', path, ino, (inode.mode & S_IFMT) === S_IFDIR)
      }
    }
  }
  changed.clear()
}

/** Paths of the directories of one tree. */
class Paths {
  readonly #core: Core
  readonly #side: Side
  readonly #known = new Map<number, Buffer>()

  constructor(core: Core, side: Side) {
    this.#core = core
    this.#side = side
  }

  async of(directory: number): Promise<Buffer> {
    const names: Buffer[] = []
    let at = directory
    let path: Buffer | undefined
    while (path === undefined) {
      if (at === this.#core.superblock.rootIno) path = SLASH
      else path = this.#known.get(at)
      if (path !== undefined) break
      const ino = at
      const step = await runAsync(this.#core.read(NOBODY, (call) => this.#up(call.tx, ino)))
      names.push(step.name)
      at = step.parent
    }
    for (const name of names.reverse()) path = join(path, name)
    if (this.#known.size >= PATHS_MAX) this.#known.clear()
    this.#known.set(directory, path)
    return path
  }

  *#up(tx: Tx, ino: number): Op<{ parent: number; name: Buffer }> {
    const key = inodeKey(ino)
    const row = yield* this.#side.get(tx, key)
    // It may go while the volume itself is compared.
    if (row === undefined) return { parent: this.#core.superblock.rootIno, name: Buffer.from(`#${ino}`) }
    const { parent } = inodeOf(key, row)
    let start: Pick<KeyRange, 'gte' | 'gt'> = direntRange(parent)
    const { lt } = direntRange(parent)
    for (;;) {
      const rows = yield* this.#side.range(tx, { ...start, lt, limit: PAGE_ROWS })
      for (const each of rows) {
        if (entryOf(each.key, each.value).ino === ino) return { parent, name: Buffer.from(nameOfDirentKey(each.key)) }
      }
      if (rows.length < PAGE_ROWS) return { parent: this.#core.superblock.rootIno, name: Buffer.from(`#${ino}`) }
      start = { gt: rows[rows.length - 1]!.key }
    }
  }
}
