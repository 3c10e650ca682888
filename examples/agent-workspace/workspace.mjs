/**
 * A place where agents work on a real directory without touching it: they look through to what is there, what they change stays here, every
 * step can be undone, and it is written down who did what.
 */
import { realpath } from 'node:fs/promises'
import { posix } from 'node:path'
import { importTree, ViveFS } from 'vivefs'
import { applyChanges } from './apply.mjs'
import { drive } from './drive.mjs'
import { lookThrough } from './look-through.mjs'
import { Overlay } from './overlay.mjs'

const SUPERUSER = { uid: 0, gid: 0, groups: [] }
const PROJECT = '/project'
const GROUP = 'agents'
/** Whose the files of the real directory are here. */
const BASE_USER = 'base'
/** The fork that holds what was read of the real directory. */
const BASE_LAYER = '.base'
/** What the project is called until all of it is there, and in the base layer for ever. */
const FOUNDING = '/.founding'
/** On the project: the real directory. */
const DIRECTORY_MARK = 'trusted.directory'
/** Set-group-id: what is made in it belongs to the group, too. */
const SHARED_DIRECTORY = 0o2770
const S_IFMT = 0o170000
const S_IFDIR = 0o040000

/** The group may what the owner may; directories hand the group on. */
const sharedMode = (mode) =>
  (mode & S_IFMT) === S_IFDIR ? SHARED_DIRECTORY : (mode & 0o700) | ((mode >> 3) & 0o70) | 0o660

export class Workspace {
  #vive
  #group
  #quota
  #overlay
  #steps = 0

  constructor(vive, group, overlay, quota) {
    this.#vive = vive
    this.#group = group
    this.#overlay = overlay
    this.#quota = quota
    this.#steps = vive.snapshots.list().length
  }

  /**
   * Opens the workspace in `where`. A new one shows the directory `from`, of which names, sizes and attributes are read now and bytes when somebody
   * opens a file. `quota`: what each agent may hold, e.g. `{ bytesHard: 1e9, inodesHard: 100_000 }`; it is set when the agent comes for the
   * first time.
   */
  static async open(where, { from, quota } = {}) {
    const vive = await ViveFS.open(where, { engine: where.includes('://') ? undefined : 'lsm' })
    const group = (await vive.groups.get(GROUP)) ?? (await vive.groups.add({ name: GROUP }))
    const root = vive.root.fs.promises
    const isNew = await root.access(PROJECT).then(
      () => false,
      () => true,
    )
    if (isNew) await found(vive, group, from)
    // What came before is nobody's step.
    await vive.keepChanges(true)
    const directory = await root.getxattr(PROJECT, DIRECTORY_MARK).catch(() => undefined)
    const overlay = directory && new Overlay(`${directory}`, treeOf(await vive.forks.open(BASE_LAYER)), FOUNDING)
    return new Workspace(vive, group, overlay, quota)
  }

  /** An account for an agent, made the first time. */
  async #account(name) {
    const known = await this.#vive.users.get(name)
    if (known !== undefined) return known
    const { gid } = this.#group
    const user = await this.#vive.users.add({ name, gid, groups: [gid] })
    if (this.#quota !== undefined) await this.#vive.quotas.set('user', user.uid, this.#quota)
    return user
  }

  /** The project with the eyes and the rights of an agent: an `fs` whose current directory is the project. `tree`: a branch. */
  async viewOf(name, tree = this.#vive) {
    const { uid, gid, groups } = await this.#account(name)
    return this.#seen(tree.as({ uid, gid, groups, umask: 0o007, cwd: PROJECT }), tree)
  }

  #seen(view, tree) {
    return this.#overlay === undefined ? view.fs : lookThrough(view, treeOf(tree), this.#overlay)
  }

  /**
   * Lets an agent do something, after a snapshot. Answers what it changed; when it throws, nothing is changed.
   */
  async step(name, body) {
    // Before the snapshot: an agent does not vanish with its first step.
    const view = await this.viewOf(name)
    const before = `step-${String(++this.#steps).padStart(6, '0')}`
    await this.#vive.snapshots.create(before)
    try {
      await body(view)
    } catch (error) {
      await this.undo(before)
      throw error
    }
    return { before, changes: await this.changesSince(before) }
  }

  async changesSince(step) {
    return (await this.#differences(step)).map(({ kind, path }) => `${kind} ${path}`).sort()
  }

  /** What is different since a step; that bytes of the real directory came is no difference. */
  async #differences(step) {
    const changes = []
    const [before, now] = [treeOf(this.#vive.snapshot(step)), treeOf(this.#vive)]
    for await (const change of this.#vive.snapshots.diff(step)) {
      const mayHaveCome = change.kind === 'modified' && !change.isDirectory && this.#overlay !== undefined
      const onlyCame = mayHaveCome && (await drive(this.#overlay.onlyCame(before, now, change.pathBytes)))
      if (!onlyCame) changes.push(change)
    }
    return changes
  }

  /**
   * Takes what has changed since a step over into a real directory. Answers the paths that were left out, as links that lead out of the project.
   */
  async apply(step, directory) {
    const changes = await this.#differences(step)
    // What is replaced there can be looked at here all the same, and come back by `undo`.
    await this.#keepOriginals(new Set(changes.map(({ path }) => path)))
    const fs = this.#seen(this.#vive.as({ ...SUPERUSER, cwd: PROJECT }), this.#vive)
    return await applyChanges(fs.promises, PROJECT, changes, directory)
  }

  async #keepOriginals(changed) {
    if (this.#overlay === undefined) return
    for (const [ino, path] of await drive(this.#overlay.paths())) {
      for (let at = `${PROJECT}${path}`; at.length > PROJECT.length; at = posix.dirname(at)) {
        if (!changed.has(at)) continue
        await drive(this.#overlay.keep(ino)).catch((error) => {
          if (error.code !== 'ESTALE') throw error
        })
        break
      }
    }
  }

  /** What an agent holds and may hold: `{ used, limits, ... }`. */
  async quotaOf(name) {
    return this.#vive.quotas.get('user', (await this.#account(name)).uid)
  }

  /** What a file was before a step. */
  async readBefore(step, path) {
    const tree = treeOf(this.#vive.snapshot(step))
    const real = await tree.fs.promises.realpath(path, { encoding: 'buffer' })
    const bytes = this.#overlay === undefined ? tree.fs.promises.readFile(real) : drive(this.#overlay.read(tree, real))
    return (await bytes).toString()
  }

  /** Makes everything again what it was before that step. */
  async undo(step) {
    await this.#vive.snapshots.rollback(step)
  }

  /** The same start for several agents or several tries: each gets a branch of its own, and nobody sees the others. */
  async branch(branch, name, body) {
    const fork = await this.#vive.fork(undefined, branch)
    return await body(await this.viewOf(name, fork), fork)
  }

  async dropBranch(branch) {
    await this.#vive.forks.delete(branch)
  }

  /** Who did what since entry number `since`, in the order in which it happened. The superuser is the workspace itself, which only undoes. */
  async audit(since = 0) {
    const names = new Map((await this.#vive.users.list()).map(({ uid, name }) => [uid, name]))
    const lines = []
    for await (const { seq, uid, changes } of this.#vive.changes({ since, follow: false })) {
      for (const { kind, path, to } of changes) {
        if (uid === SUPERUSER.uid && kind !== 'rollback') continue
        const arrow = to === undefined ? '' : ` -> ${to.path}`
        lines.push({ seq, who: names.get(uid) ?? 'the workspace', what: `${kind} ${path ?? '?'}${arrow}` })
      }
    }
    return lines
  }

  /** The number of the newest entry of the audit. */
  get now() {
    return this.#vive.changeFeed.last
  }

  fsck() {
    return this.#vive.fsck()
  }

  close() {
    return this.#vive.close()
  }
}

/** A tree as the superuser sees it. */
function treeOf(tree) {
  return { fs: tree.as({ ...SUPERUSER, cwd: PROJECT }).fs, fsal: tree.fsal }
}

/** Makes the project, with a placeholder for each file of the directory `from`, and the base layer. One that was interrupted begins anew. */
async function found(vive, { gid }, from) {
  const root = vive.root.fs.promises
  await root.chmod('/', 0o755)
  await root.rm(FOUNDING, { recursive: true, force: true })
  await root.mkdir(FOUNDING)
  if (from !== undefined) {
    const { uid } = (await vive.users.get(BASE_USER)) ?? (await vive.users.add({ name: BASE_USER, gid }))
    const attributes = ({ mode }) => ({ mode: sharedMode(mode), uid, gid })
    await importTree(vive, from, FOUNDING, { contents: false, attributes })
    await root.setxattr(FOUNDING, DIRECTORY_MARK, await realpath(from))
    if (vive.forks.list().some(({ name }) => name === BASE_LAYER)) await vive.forks.delete(BASE_LAYER)
    await (await vive.forks.create(BASE_LAYER)).close()
  }
  await root.chown(FOUNDING, 0, gid)
  await root.chmod(FOUNDING, SHARED_DIRECTORY)
  await root.rename(FOUNDING, PROJECT)
}
