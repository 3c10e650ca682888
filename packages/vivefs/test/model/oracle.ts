/**
 * A POSIX tree in plain JavaScript, to hold the filesystem against: maps for directories, byte arrays with an allocation
 * mask for files. It shares no code with the filesystem. Where POSIX lets an implementation choose which of several
 * errors to report, it answers all of them.
 */

export interface Who {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  readonly umask: number
}

export type Kind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block'

export const KIND_BITS: Record<Kind, number> = {
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
}

/** Names are latin1 strings of their bytes. */
export class Node {
  readonly kind: Kind
  mode: number
  uid: number
  gid: number
  nlink = 0
  size = 0
  /** Content as far as anything was ever written; what lies behind is zeros. */
  data = new Uint8Array(0)
  /** 1 for each byte of `data` that is allocated. */
  mask = new Uint8Array(0)
  target = ''
  readonly entries = new Map<string, Node>()
  parent: Node | undefined
  readonly xattrs = new Map<string, Buffer>()
  opens = 0
  /** No name, not open: gone. */
  isGone = false
  /** What the filesystem calls it; set by the test. */
  handle: Uint8Array = new Uint8Array(0)

  constructor(kind: Kind, mode: number, uid: number, gid: number) {
    this.kind = kind
    this.mode = mode
    this.uid = uid
    this.gid = gid
  }

  allocated(): number {
    let bytes = 0
    for (const bit of this.mask) bytes += bit
    return bytes
  }
}

/** What an operation does: its result, or the errors of which any one may be reported. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; codes: ReadonlySet<string> }

const good = <T>(value: T): Outcome<T> => ({ ok: true, value })

class Refusals {
  readonly codes = new Set<string>()

  when(condition: boolean, code: string): boolean {
    if (condition) this.codes.add(code)
    return condition
  }

  get any(): boolean {
    return this.codes.size > 0
  }

  outcome(): { ok: false; codes: ReadonlySet<string> } {
    return { ok: false, codes: this.codes }
  }
}

const isMember = (who: Who, gid: number): boolean => who.gid === gid || who.groups.includes(gid)
const owns = (who: Who, node: Node): boolean => who.uid === 0 || who.uid === node.uid

export function may(who: Who, node: Node, mask: number): boolean {
  if (who.uid === 0) return (mask & 1) === 0 || node.kind === 'directory' || (node.mode & 0o111) !== 0
  const shift = who.uid === node.uid ? 6 : isMember(who, node.gid) ? 3 : 0
  return ((node.mode >> shift) & mask) === mask
}

function loseSetId(node: Node): void {
  node.mode &= ~0o4000
  if ((node.mode & 0o010) !== 0 && node.kind !== 'directory') node.mode &= ~0o2000
}

export class Oracle {
  readonly root: Node

  /** `tree`: the root of a tree to go on from. */
  constructor(tree?: Node) {
    this.root = tree ?? new Node('directory', 0o755, 0, 0)
    if (tree === undefined) this.root.nlink = 2
    this.root.parent = this.root
  }

  #name(no: Refusals, name: string, dots: string): void {
    if (name === '.' || name === '..') no.codes.add(dots)
    no.when(name.length === 0, 'ENOENT')
    no.when(name.length > 255, 'ENAMETOOLONG')
    no.when(/[/\0]/.test(name), 'EINVAL')
  }

  /** Whether names can be looked up in it at all; what else is wrong with it can come first only then. */
  #searchable(no: Refusals, who: Who, directory: Node): boolean {
    if (no.when(directory.isGone, 'ESTALE')) return false
    if (no.when(directory.kind !== 'directory', 'ENOTDIR')) return false
    no.when(!may(who, directory, 1), 'EACCES')
    return true
  }

  #writable(no: Refusals, who: Who, directory: Node): void {
    no.when(!may(who, directory, 3), 'EACCES')
    no.when(directory.nlink === 0, 'ENOENT')
  }

  #sticky(no: Refusals, who: Who, directory: Node, victim: Node): void {
    no.when(
      (directory.mode & 0o1000) !== 0 && who.uid !== 0 && who.uid !== victim.uid && who.uid !== directory.uid,
      'EPERM',
    )
  }

  #vanish(node: Node): void {
    if (node.nlink === 0 && node.opens === 0) {
      node.isGone = true
      node.data = node.mask = new Uint8Array(0)
    }
  }

  lookup(who: Who, directory: Node, name: string): Outcome<Node> {
    const no = new Refusals()
    if (!this.#searchable(no, who, directory)) return no.outcome()
    if (name === '.') return no.any ? no.outcome() : good(directory)
    if (name === '..') {
      no.when(directory.parent === undefined || directory.parent.isGone, 'ESTALE')
      return no.any ? no.outcome() : good(directory.parent!)
    }
    this.#name(no, name, 'never')
    const found = directory.entries.get(name)
    no.when(found === undefined, 'ENOENT')
    return no.any || found === undefined ? no.outcome() : good(found)
  }

  make(who: Who, directory: Node, name: string, kind: Kind, mode: number, target = ''): Outcome<Node> {
    const no = new Refusals()
    this.#name(no, name, 'EEXIST')
    if (!this.#searchable(no, who, directory)) return no.outcome()
    no.when(directory.entries.has(name), 'EEXIST')
    this.#writable(no, who, directory)
    no.when((kind === 'char' || kind === 'block') && who.uid !== 0, 'EPERM')
    if (kind === 'symlink') {
      no.when(target.length === 0, 'ENOENT')
      no.when(target.length > 4095, 'ENAMETOOLONG')
    }
    if (no.any) return no.outcome()
    const inherits = (directory.mode & 0o2000) !== 0
    const gid = inherits ? directory.gid : who.gid
    let bits = kind === 'symlink' ? 0o777 : mode & 0o7777 & ~who.umask
    if (kind === 'directory' && inherits) bits |= 0o2000
    if (kind === 'file' && (bits & 0o2010) === 0o2010 && who.uid !== 0 && !isMember(who, gid)) bits &= ~0o2000
    const node = new Node(kind, bits, who.uid, gid)
    node.target = target
    node.size = target.length
    node.nlink = kind === 'directory' ? 2 : 1
    if (kind === 'directory') {
      node.parent = directory
      directory.nlink++
    }
    directory.entries.set(name, node)
    return good(node)
  }

  link(who: Who, node: Node, directory: Node, name: string): Outcome<void> {
    const no = new Refusals()
    if (no.when(node.isGone, 'ESTALE')) return no.outcome()
    this.#name(no, name, 'EEXIST')
    if (!this.#searchable(no, who, directory)) return no.outcome()
    no.when(directory.entries.has(name), 'EEXIST')
    this.#writable(no, who, directory)
    no.when(node.kind === 'directory', 'EPERM')
    no.when(node.nlink === 0, 'ENOENT')
    if (no.any) return no.outcome()
    node.nlink++
    directory.entries.set(name, node)
    return good(undefined)
  }

  unlink(who: Who, directory: Node, name: string): Outcome<Node> {
    const no = new Refusals()
    this.#name(no, name, 'EISDIR')
    if (!this.#searchable(no, who, directory)) return no.outcome()
    const node = directory.entries.get(name)
    no.when(node === undefined, 'ENOENT')
    this.#writable(no, who, directory)
    if (node !== undefined) {
      this.#sticky(no, who, directory, node)
      no.when(node.kind === 'directory', 'EISDIR')
    }
    if (no.any || node === undefined) return no.outcome()
    directory.entries.delete(name)
    node.nlink--
    this.#vanish(node)
    return good(node)
  }

  rmdir(who: Who, directory: Node, name: string): Outcome<Node> {
    const no = new Refusals()
    if (name === '.') no.codes.add('EINVAL')
    else if (name === '..') no.codes.add('ENOTEMPTY')
    else this.#name(no, name, 'never')
    if (!this.#searchable(no, who, directory)) return no.outcome()
    const node = directory.entries.get(name)
    no.when(node === undefined, 'ENOENT')
    this.#writable(no, who, directory)
    if (node !== undefined) {
      this.#sticky(no, who, directory, node)
      no.when(node.kind !== 'directory', 'ENOTDIR')
      no.when(node.entries.size > 0, 'ENOTEMPTY')
    }
    if (no.any || node === undefined) return no.outcome()
    directory.entries.delete(name)
    directory.nlink--
    node.nlink = 0
    this.#vanish(node)
    return good(node)
  }

  #isAbove(node: Node, directory: Node): boolean {
    if (node.kind !== 'directory') return false
    for (let at = directory; ; at = at.parent!) {
      if (at === node) return true
      if (at.parent === at || at.parent === undefined) return false
    }
  }

  rename(
    who: Who,
    from: Node,
    name: string,
    to: Node,
    toName: string,
    flags: { noReplace?: boolean; exchange?: boolean },
  ): Outcome<void> {
    const no = new Refusals()
    no.when(flags.noReplace === true && flags.exchange === true, 'EINVAL')
    this.#name(no, name, 'EBUSY')
    this.#name(no, toName, 'EBUSY')
    const canSearch = this.#searchable(no, who, from)
    if (!this.#searchable(no, who, to) || !canSearch) return no.outcome()
    const source = from.entries.get(name)
    const target = to.entries.get(toName)
    no.when(source === undefined, 'ENOENT')
    no.when(flags.noReplace === true && target !== undefined, 'EEXIST')
    no.when(flags.exchange === true && target === undefined, 'ENOENT')
    if (source !== undefined) no.when(this.#isAbove(source, to), 'EINVAL')
    if (target !== undefined) no.when(this.#isAbove(target, from), flags.exchange ? 'EINVAL' : 'ENOTEMPTY')
    if (!no.any && source === target) return good(undefined)
    const moves = (directory: Node, node: Node, into: Node): void => {
      this.#writable(no, who, directory)
      this.#sticky(no, who, directory, node)
      no.when(node.kind === 'directory' && directory !== into && !may(who, node, 2), 'EACCES')
    }
    if (source !== undefined) moves(from, source, to)
    this.#writable(no, who, to)
    if (target !== undefined && flags.exchange) moves(to, target, from)
    if (target !== undefined && source !== undefined && !flags.exchange) {
      this.#sticky(no, who, to, target)
      no.when(source.kind === 'directory' && target.kind !== 'directory', 'ENOTDIR')
      no.when(source.kind !== 'directory' && target.kind === 'directory', 'EISDIR')
      no.when(target.entries.size > 0, 'ENOTEMPTY')
    }
    if (no.any || source === undefined) return no.outcome()
    if (flags.exchange && target !== undefined) {
      this.#detach(from, name)
      this.#detach(to, toName)
      this.#attach(from, name, target)
      this.#attach(to, toName, source)
      return good(undefined)
    }
    if (target !== undefined) {
      this.#detach(to, toName)
      if (target.kind === 'directory') target.nlink = 0
      else target.nlink--
      this.#vanish(target)
    }
    this.#detach(from, name)
    this.#attach(to, toName, source)
    return good(undefined)
  }

  #detach(directory: Node, name: string): void {
    if (directory.entries.get(name)?.kind === 'directory') directory.nlink--
    directory.entries.delete(name)
  }

  #attach(directory: Node, name: string, node: Node): void {
    directory.entries.set(name, node)
    if (node.kind !== 'directory') return
    directory.nlink++
    node.parent = directory
  }

  /** open(2) with access `read` and `write`. */
  open(who: Who, node: Node, read: boolean, write: boolean, truncates: boolean): Outcome<void> {
    const no = new Refusals()
    if (no.when(node.isGone, 'ESTALE')) return no.outcome()
    if (no.when(node.kind === 'symlink', 'ELOOP')) return no.outcome()
    if (node.kind === 'directory') no.when(write || truncates, 'EISDIR')
    else if (no.when(node.kind !== 'file', 'ENXIO')) return no.outcome()
    no.when(!may(who, node, (read ? 4 : 0) | (write || truncates ? 2 : 0)), 'EACCES')
    if (no.any) return no.outcome()
    if (truncates) {
      this.#resize(node, 0)
      if (who.uid !== 0) loseSetId(node)
    }
    node.opens++
    return good(undefined)
  }

  close(node: Node): void {
    node.opens--
    this.#vanish(node)
  }

  #reserve(node: Node, size: number): void {
    if (node.data.length >= size) return
    const length = Math.max(size, node.data.length * 2)
    const data = new Uint8Array(length)
    const mask = new Uint8Array(length)
    data.set(node.data)
    mask.set(node.mask)
    node.data = data
    node.mask = mask
  }

  #resize(node: Node, size: number): void {
    if (size < node.data.length) {
      node.data.fill(0, size)
      node.mask.fill(0, size)
    }
    node.size = size
  }

  /** Through an open file: no rights are checked. */
  write(who: Who, node: Node, offset: number, data: Uint8Array): void {
    if (data.length === 0) return
    this.#reserve(node, offset + data.length)
    node.data.set(data, offset)
    node.mask.fill(1, offset, offset + data.length)
    node.size = Math.max(node.size, offset + data.length)
    if (who.uid !== 0) loseSetId(node)
  }

  read(node: Node, offset: number, length: number): Buffer {
    const bytes = Math.max(0, Math.min(length, node.size - offset))
    const out = Buffer.alloc(bytes)
    out.set(node.data.subarray(offset, offset + bytes))
    return out
  }

  erase(node: Node, offset: number, length: number): void {
    node.data.fill(0, offset, offset + length)
    node.mask.fill(0, offset, offset + length)
  }

  grow(node: Node, size: number): void {
    node.size = Math.max(node.size, size)
  }

  /** Who allocates or punches changes the file, as who writes. */
  fallocated(who: Who, node: Node): void {
    if (who.uid !== 0) loseSetId(node)
  }

  seek(node: Node, what: 'data' | 'hole', offset: number): Outcome<number> {
    if (offset >= node.size) return { ok: false, codes: new Set(['ENXIO']) }
    const wanted = what === 'data' ? 1 : 0
    for (let at = offset; at < Math.min(node.size, node.mask.length); at++)
      if (node.mask[at] === wanted) return good(at)
    if (what === 'data') return { ok: false, codes: new Set(['ENXIO']) }
    return good(Math.max(offset, Math.min(node.size, node.mask.length)))
  }

  setattr(who: Who, node: Node, changes: { mode?: number; uid?: number; gid?: number; size?: number }): Outcome<void> {
    const no = new Refusals()
    if (no.when(node.isGone, 'ESTALE')) return no.outcome()
    const { mode, uid, gid, size } = changes
    if (who.uid !== 0) {
      if (uid !== undefined) no.when(uid !== node.uid || who.uid !== node.uid, 'EPERM')
      if (gid !== undefined) no.when(who.uid !== node.uid || (gid !== node.gid && !isMember(who, gid)), 'EPERM')
    }
    no.when(mode !== undefined && !owns(who, node), 'EPERM')
    if (size !== undefined) {
      no.when(node.kind === 'directory', 'EISDIR')
      no.when(node.kind !== 'directory' && node.kind !== 'file', 'EINVAL')
      no.when(!may(who, node, 2), 'EACCES')
    }
    if (no.any) return no.outcome()
    if (uid !== undefined || gid !== undefined) {
      node.uid = uid ?? node.uid
      node.gid = gid ?? node.gid
      if (node.kind !== 'directory') loseSetId(node)
    }
    if (mode !== undefined) {
      node.mode = mode & 0o7777
      if (who.uid !== 0 && !isMember(who, node.gid)) node.mode &= ~0o2000
    }
    if (size !== undefined) {
      const isChange = size !== node.size
      this.#resize(node, size)
      if (isChange && who.uid !== 0) loseSetId(node)
    }
    return good(undefined)
  }

  /** All nodes that are there, each once. */
  all(): Node[] {
    const seen = new Set<Node>([this.root])
    for (const node of seen) for (const child of node.entries.values()) seen.add(child)
    return [...seen]
  }
}

/** A deep copy of a tree, hard links included; nothing of it is open. `handleOf` tells what its nodes are called elsewhere. */
export function copyTree(root: Node, handleOf: (handle: Uint8Array) => Uint8Array = (handle) => handle): Node {
  const copies = new Map<Node, Node>()
  const copy = (node: Node, parent: Node | undefined): Node => {
    const known = copies.get(node)
    if (known !== undefined) return known
    const own = new Node(node.kind, node.mode, node.uid, node.gid)
    copies.set(node, own)
    own.nlink = node.nlink
    own.size = node.size
    own.data = node.data.slice()
    own.mask = node.mask.slice()
    own.target = node.target
    own.parent = parent
    own.handle = handleOf(node.handle)
    for (const [name, value] of node.xattrs) own.xattrs.set(name, value)
    for (const [name, child] of node.entries) own.entries.set(name, copy(child, own))
    return own
  }
  return copy(root, undefined)
}
