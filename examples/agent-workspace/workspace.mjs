/**
 * A place where agents work on a copy of a real directory: the directory itself is never touched, every step can be undone, and it is written
 * down who did what.
 */
import { importTree, ViveFS } from 'vivefs'
import { applyChanges } from './apply.mjs'

const PROJECT = '/project'
const GROUP = 'agents'
/** Set-group-id: what is made in it belongs to the group, too. */
const SHARED_DIRECTORY = 0o2770

export class Workspace {
  #vive
  #group
  #quota
  #steps = 0

  constructor(vive, group, quota) {
    this.#vive = vive
    this.#group = group
    this.#quota = quota
  }

  /**
   * Opens the workspace in `where`; a new one gets a copy of the directory `from`. `quota`: what each agent may hold, e.g. `{ bytesHard: 1e9,
   * inodesHard: 100_000 }`; it is set when the agent comes for the first time.
   */
  static async open(where, { from, quota } = {}) {
    const vive = await ViveFS.open(where, { engine: where.includes('://') ? undefined : 'lsm', changes: true })
    const group = (await vive.groups.get(GROUP)) ?? (await vive.groups.add({ name: GROUP }))
    const root = vive.root.fs.promises
    const isNew = await root.access(PROJECT).then(
      () => false,
      () => true,
    )
    if (isNew) {
      await root.chmod('/', 0o755)
      if (from === undefined) await root.mkdir(PROJECT)
      else await importTree(vive, from, PROJECT)
      await share(root, group.gid)
    }
    const workspace = new Workspace(vive, group, quota)
    workspace.#steps = vive.snapshots.list().length
    return workspace
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
    return tree.as({ uid, gid, groups, umask: 0o007, cwd: PROJECT }).fs
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
    const changes = []
    for await (const { kind, path } of this.#vive.snapshots.diff(step)) changes.push(`${kind} ${path}`)
    return changes.sort()
  }

  /** Takes what has changed since a step over into a real directory. Answers the paths that were left out, as links that lead out of the project. */
  async apply(step, directory) {
    const changes = []
    for await (const change of this.#vive.snapshots.diff(step)) changes.push(change)
    return await applyChanges(this.#vive.root.fs.promises, PROJECT, changes, directory)
  }

  /** What an agent holds and may hold: `{ used, limits, ... }`. */
  async quotaOf(name) {
    return this.#vive.quotas.get('user', (await this.#account(name)).uid)
  }

  /** What a file was before a step. */
  async readBefore(step, path) {
    return await this.#vive.snapshot(step).as({ uid: 0, cwd: PROJECT }).fs.promises.readFile(path, 'utf8')
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

  /** Who did what since entry number `since`, in the order in which it happened. */
  async audit(since = 0) {
    const names = new Map((await this.#vive.users.list()).map(({ uid, name }) => [uid, name]))
    const lines = []
    for await (const { seq, uid, changes } of this.#vive.changes({ since, follow: false })) {
      for (const { kind, path, to } of changes) {
        const arrow = to === undefined ? '' : ` -> ${to.path}`
        lines.push({ seq, who: names.get(uid) ?? String(uid), what: `${kind} ${path ?? '?'}${arrow}` })
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

/** Gives the project to the group. */
async function share(root, gid) {
  for (const name of ['', ...(await root.readdir(PROJECT, { recursive: true }))]) {
    const path = `${PROJECT}/${name}`
    const stats = await root.lstat(path)
    await root.lchown(path, stats.uid, gid)
    if (stats.isDirectory()) await root.chmod(path, SHARED_DIRECTORY)
    else if (stats.isFile()) await root.chmod(path, (stats.mode & 0o700) | ((stats.mode >> 3) & 0o70) | 0o660)
  }
}
