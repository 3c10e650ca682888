/**
 * A tree that looks through to a real directory. Its files begin as placeholders: holes with the length, the mode and the times of the real
 * ones. Bytes come when somebody opens a file, once, into the base layer (a fork that nobody else writes, so what was seen stays as it was seen,
 * whatever happens outside and whatever is undone), and from there into the trees that are at work.
 *
 * `trusted.base`, an attribute that only the superuser sees, says how it stands with a file of the base:
 *
 *     none      a placeholder
 *     here      its bytes are those of the real file; in the base layer with the time that the placeholder had
 *     own       somebody opened it for writing: it is the workspace's own from then on
 */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs'

const ROOT = { uid: 0, gid: 0, groups: [], umask: 0 }
const MARK = Buffer.from('trusted.base')
const HERE = 'here'
const OWN = 'own'
const PIECE_BYTES = 1 << 20
const TRIES = 3
const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY, O_WRONLY, S_IFDIR, S_IFREG } = constants
const zeros = Buffer.alloc(PIECE_BYTES)

const failure = (code, what, path) =>
  Object.assign(new Error(`${code}: ${what}, '${path}'`), { code, path: String(path) })
const sameTime = (a, b) => a.sec === b.sec && a.nsec === b.nsec
const timeOf = (ns) => ({ sec: Number(ns / 1_000_000_000n), nsec: Number(ns % 1_000_000_000n) })
const namesOf = (path) => path.toString('latin1').split('/').filter(Boolean)

/** The inode at a path without links. `tree`: `{ fs, fsal }`. */
function* find({ fsal }, path) {
  let at = { handle: fsal.root() }
  for (const name of namesOf(path)) at = yield fsal.lookup(ROOT, at.handle, { name: Buffer.from(name, 'latin1') })
  return at
}

/** The same; undefined where there is none. */
function* findIfThere(tree, path) {
  try {
    return yield* find(tree, path)
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  }
}

/** How it stands with a file: `{ is, time }`, or undefined for a placeholder. */
function* markOf({ fsal }, { handle }) {
  try {
    return JSON.parse(yield fsal.getxattr(ROOT, handle, { name: MARK }))
  } catch (error) {
    if (error.code === 'ENODATA') return undefined
    throw error
  }
}

const mark = ({ fsal }, { handle }, what) =>
  fsal.setxattr(ROOT, handle, { name: MARK, value: Buffer.from(JSON.stringify(what)) })

/** Writes what `read(into, offset)`, a logic, gives into a file that holds nothing, or what an earlier try left. */
function* fill({ fsal }, { handle, attributes }, size, read) {
  if (attributes.blocks > 0) yield fsal.setattr(ROOT, handle, { size: 0 })
  if (attributes.blocks > 0 || attributes.size !== size) yield fsal.setattr(ROOT, handle, { size })
  const file = yield fsal.open(ROOT, handle, { flags: O_WRONLY })
  try {
    const into = Buffer.allocUnsafe(Math.min(PIECE_BYTES, size))
    for (let offset = 0; offset < size; ) {
      const length = yield* read(into.subarray(0, Math.min(PIECE_BYTES, size - offset)), offset)
      if (length === 0) break
      const data = into.subarray(0, length)
      // A hole stays one.
      if (!data.equals(zeros.subarray(0, length))) yield fsal.write(ROOT, handle, { offset, data, file })
      offset += length
    }
  } finally {
    yield fsal.close(file)
  }
}

export class Overlay {
  #directory
  #base
  /** Inode number of each file of the base -> its path below the directory, with a slash before it. The trees have the base's numbers. */
  #paths
  /** Files on their way: tree -> inode number -> promise. */
  #coming = new WeakMap()

  /** `directory`: the real one. `base`: the base layer, `{ fs, fsal }`, whose directory `top` shows it. */
  constructor(directory, base, top) {
    this.#directory = Buffer.from(realpathSync(directory))
    this.#base = { ...base, top: Buffer.from(top) }
  }

  /** Where the files of the base were: inode number -> path below the directory, with a slash before it. */
  *paths() {
    if (this.#paths !== undefined) return this.#paths
    const { fsal, top } = this.#base
    const paths = new Map()
    const directories = [{ path: Buffer.alloc(0), handle: (yield* find(this.#base, top)).handle }]
    for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
      for (let cookie = 0n, eof = false; !eof; ) {
        const page = yield fsal.readdir(ROOT, directory.handle, { cookie, limit: 512, plus: true })
        for (const { name, ino, type, entry } of page.lines) {
          const path = Buffer.concat([directory.path, Buffer.from('/'), name])
          if (type === S_IFREG) paths.set(ino, path)
          else if (type === S_IFDIR) directories.push({ path, handle: entry.handle })
        }
        eof = page.eof
        cookie = page.lines.at(-1)?.cookie ?? cookie
      }
    }
    this.#paths = paths
    return paths
  }

  /** Runs `body` for a file of a tree when nobody else does. */
  *#alone(tree, ino, body) {
    const { fsal } = tree
    if (!this.#coming.has(fsal)) this.#coming.set(fsal, new Map())
    const coming = this.#coming.get(fsal)
    while (coming.has(ino)) yield coming.get(ino)
    let end
    coming.set(ino, new Promise((resolve) => (end = resolve)))
    try {
      return yield* body
    } finally {
      coming.delete(ino)
      end()
    }
  }

  /** The file of the base layer with its bytes, brought now if nobody asked for them before. ESTALE: they are not there any more. */
  *keep(ino) {
    const below = (yield* this.paths()).get(ino)
    const path = Buffer.concat([this.#base.top, below])
    yield* this.#alone(this.#base, ino, this.#keep(path, below))
    const file = yield* find(this.#base, path)
    return { ...file, path, mark: yield* markOf(this.#base, file) }
  }

  *#keep(path, below) {
    const { fsal } = this.#base
    const file = yield* find(this.#base, path)
    if ((yield* markOf(this.#base, file)) !== undefined) return
    const host = Buffer.concat([this.#directory, below])
    for (let left = TRIES; ; left--) {
      const fd = this.#openHost(host, below)
      try {
        const before = fstatSync(fd, { bigint: true })
        if (!before.isFile()) throw failure('ESTALE', 'it is no file any more in the real directory', below)
        yield* fill(this.#base, yield* find(this.#base, path), Number(before.size), function* (into, offset) {
          return readSync(fd, into, 0, into.length, offset)
        })
        const after = fstatSync(fd, { bigint: true })
        if (after.mtimeNs === before.mtimeNs && after.size === before.size) {
          yield fsal.setattr(ROOT, file.handle, { mtime: timeOf(before.mtimeNs) })
          yield mark(this.#base, file, { is: HERE, time: file.attributes.mtime })
          return
        }
        if (left === 1) throw failure('EBUSY', 'somebody is writing it in the real directory', below)
      } finally {
        closeSync(fd)
      }
    }
  }

  /** Opens a real file, where it was: never through a link that took the place of a directory. */
  #openHost(host, below) {
    try {
      if (!realpathSync(host, 'buffer').equals(host))
        throw failure('ESTALE', 'a link is in its way in the real directory', below)
      return openSync(host, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    } catch (error) {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
        throw failure('ESTALE', 'it went from the real directory before anybody read it', below)
      }
      throw error.path === String(below) ? error : failure(error.code, 'the real file cannot be read', below)
    }
  }

  /** Makes a placeholder at `path` (without links) of a tree a file with its bytes; what is no placeholder stays as it is. */
  *bring(tree, path) {
    const { attributes } = yield* find(tree, path)
    if (!(yield* this.paths()).has(attributes.ino)) return
    yield* this.#alone(tree, attributes.ino, this.#bring(tree, path))
  }

  *#bring(tree, path) {
    const { fsal } = tree
    const file = yield* find(tree, path)
    if ((yield* markOf(tree, file)) !== undefined) return
    const kept = yield* this.keep(file.attributes.ino)
    const base = this.#base
    yield* fill(tree, file, kept.attributes.size, function* (into, offset) {
      return yield base.fsal.read(ROOT, kept.handle, { offset, into })
    })
    const { mtime, atime } = file.attributes
    // A time that somebody gave the placeholder is his.
    yield fsal.setattr(ROOT, file.handle, {
      atime,
      mtime: sameTime(mtime, kept.mark.time) ? kept.attributes.mtime : mtime,
    })
    yield mark(tree, file, { is: HERE })
  }

  /** The same, and from now on the file is `uid`'s: whoever writes first holds it, and it counts for him. */
  *own(tree, path, uid) {
    yield* this.bring(tree, path)
    const file = yield* find(tree, path)
    if ((yield* markOf(tree, file))?.is !== HERE) return
    yield tree.fsal.setattr(ROOT, file.handle, { uid })
    yield mark(tree, file, { is: OWN })
  }

  /** Whether all that happened to a file between two trees is that its bytes came. */
  *onlyCame(before, after, path) {
    const [old, now] = [yield* findIfThere(before, path), yield* findIfThere(after, path)]
    if (old === undefined || now === undefined) return false
    if ((yield* markOf(after, now))?.is !== HERE || (yield* markOf(before, old))?.is === OWN) return false
    if (['ino', 'mode', 'uid', 'gid', 'nlink'].some((name) => old.attributes[name] !== now.attributes[name]))
      return false
    const kept = yield* this.keep(now.attributes.ino)
    const [was, is] = [old.attributes.mtime, now.attributes.mtime]
    const isTimeKept = sameTime(was, is) || (sameTime(was, kept.mark.time) && sameTime(is, kept.attributes.mtime))
    return isTimeKept && (yield* otherXattrs(before, old)) === (yield* otherXattrs(after, now))
  }

  /** The bytes at `path` of a snapshot or another tree that cannot be written. */
  *read(tree, path) {
    const file = yield* find(tree, path)
    const isPlaceholder = (yield* this.paths()).has(file.attributes.ino) && (yield* markOf(tree, file)) === undefined
    if (!isPlaceholder) return yield [tree.fs, 'readFile', path]
    return yield [this.#base.fs, 'readFile', (yield* this.keep(file.attributes.ino)).path]
  }
}

/** All attributes but the mark, as a text to compare. */
function* otherXattrs({ fsal }, { handle }) {
  const all = []
  for (const name of yield fsal.listxattr(ROOT, handle)) {
    if (!name.equals(MARK))
      all.push([name.toString('hex'), (yield fsal.getxattr(ROOT, handle, { name })).toString('hex')])
  }
  return JSON.stringify(all.sort())
}
