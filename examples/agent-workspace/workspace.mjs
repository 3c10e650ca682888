/**
 * A place where agents work on a copy of a real directory: the directory itself is never touched, every step can be undone, and it is written
 * down who did what.
 */
import { importTree, ViveFS } from 'vivefs'

const PROJECT = '/project'
const GROUP = 'agents'
/** Set-group-id: what is made in it belongs to the group, too. */
const SHARED_DIRECTORY = 0o2770

export class Workspace {
  #vive
  #group
  #steps = 0

  constructor(vive, group) {
    this.#vive = vive
    this.#group = group
  }

  /** Opens the workspace in `where`; a new one gets a copy of the directory `from`. */
  static async open(where, { from } = {}) {
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
    const workspace = new Workspace(vive, group)
    workspace.#steps = vive.snapshots.list().length
    return workspace
  }

  /** An account for an agent, made the first time. */
  async #account(name) {
    const groups = [this.#group.gid]
    return (await this.#vive.users.get(name)) ?? (await this.#vive.users.add({ name, gid: this.#group.gid, groups }))
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
    const before = `step-${String(++this.#steps).padStart(6, '0')}`
    await this.#vive.snapshots.create(before)
    try {
      await body(await this.viewOf(name))
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
