/** One file or directory as WebDAV knows it, on the `fs.promises` of the user who asks. */
import { randomUUID } from 'node:crypto'
import { posix } from 'node:path'
import { Readable } from 'node:stream'
import mime from 'mime'
import { BadGatewayError, ForbiddenError, ResourceTreeNotCompleteError } from 'nephele'
import { DEAD_PROPERTIES, Properties } from './properties.mjs'
import { refused } from './refusals.mjs'

/** A parent that is missing is a conflict (RFC 4918, 9.7.1), not a missing resource. */
async function inTree(promise) {
  try {
    return await promise
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    throw new ResourceTreeNotCompleteError(error.message)
  }
}

export class Resource {
  #makesCollection
  #stats

  constructor(adapter, baseUrl, path, makesCollection = false) {
    this.adapter = adapter
    this.baseUrl = baseUrl
    this.path = path
    this.#makesCollection = makesCollection
  }

  get fs() {
    return this.adapter.fs
  }

  /** Of this moment, once a request. */
  async stats() {
    this.#stats ??= await refused(this.fs.stat(this.path))
    return this.#stats
  }

  async getLocks() {
    return this.adapter.locks.of(this.path)
  }

  async getLocksByUser({ username }) {
    return this.adapter.locks.of(this.path).filter((lock) => lock.username === username)
  }

  async createLockForUser({ username }) {
    return this.adapter.locks.create(this, username)
  }

  async getProperties() {
    return new Properties(this)
  }

  async getStream(range) {
    if (await this.isCollection()) return Readable.from([])
    const handle = await refused(this.fs.open(this.path))
    return handle.createReadStream(range)
  }

  /** The new content replaces the old one at once when all of it is there: a connection that breaks changes nothing. */
  async setStream(input) {
    const { fs, path } = this
    const folder = posix.dirname(path)
    const old = await fs.stat(path).catch(() => undefined)
    if (old?.isDirectory()) throw new ForbiddenError('a collection')
    const { O_RDWR, O_TMPFILE } = fs.constants
    const file = await refused(inTree(fs.open(folder, O_RDWR | O_TMPFILE, old === undefined ? 0o666 : old.mode)))
    try {
      for await (const chunk of input) await refused(file.writeFile(chunk))
      if (old !== undefined) await copyDeadProperties(fs, path, file)
      const name = posix.join(folder, `.upload-${randomUUID()}`)
      await refused(file.link(name))
      await refused(fs.rename(name, path))
    } finally {
      await file.close()
      this.#stats = undefined
    }
  }

  async create() {
    const { fs, path } = this
    if (this.#makesCollection) return await refused(inTree(fs.mkdir(path)))
    await refused(inTree(fs.writeFile(path, '', { flag: 'wx' })))
  }

  async delete() {
    const { fs, path } = this
    await refused((await this.isCollection()) ? fs.rmdir(path) : fs.unlink(path))
    this.adapter.locks.forget(path)
  }

  /** A collection without its members, as the library asks for each of them. */
  async copy(destination, baseUrl) {
    const { fs, path } = this
    const to = this.#destination(destination, baseUrl)
    if (!(await this.isCollection())) await refused(inTree(fs.copyFile(path, to)))
    else if (!(await isDirectory(fs, to))) {
      // What is replaced goes first (RFC 4918, 9.8.4); the library has removed a collection, but not a file.
      await refused(fs.rm(to, { force: true }))
      await refused(inTree(fs.mkdir(to)))
    }
    await copyDeadProperties(fs, path, to)
  }

  async move(destination, baseUrl) {
    await refused(inTree(this.fs.rename(this.path, this.#destination(destination, baseUrl))))
    this.adapter.locks.forget(this.path)
  }

  #destination(url, baseUrl) {
    const to = this.adapter.pathOf(url, baseUrl)
    if (to === undefined) throw new BadGatewayError('not on this server')
    if (to === this.path || to.startsWith(`${this.path}/`)) throw new ForbiddenError('into itself')
    return to
  }

  async getLength() {
    return (await this.isCollection()) ? 0 : (await this.stats()).size
  }

  async getEtag() {
    const { ino, ctimeNs } = await refused(this.fs.stat(this.path, { bigint: true }))
    return `${ino.toString(36)}-${ctimeNs.toString(36)}`
  }

  async getMediaType() {
    if (await this.isCollection()) return null
    return mime.getType(this.path) ?? 'application/octet-stream'
  }

  async getCanonicalName() {
    return posix.basename(this.path)
  }

  async getCanonicalPath() {
    return (await this.isCollection()) && this.path !== '/' ? `${this.path}/` : this.path
  }

  async getCanonicalUrl() {
    const path = (await this.getCanonicalPath()).split('/').map(encodeURIComponent).join('/')
    return new URL(path.slice(1), this.baseUrl)
  }

  async isCollection() {
    if (this.#makesCollection) return true
    return (await this.stats().catch(() => undefined))?.isDirectory() ?? false
  }

  /** What cannot be looked at (a link to nowhere, a name that went away) is left out. */
  async getInternalMembers() {
    const { fs, path, adapter, baseUrl } = this
    const members = []
    for (const name of await refused(fs.readdir(path))) {
      const member = new Resource(adapter, baseUrl, posix.join(path, name))
      const stats = await member.stats().catch(() => undefined)
      if (stats?.isFile() || stats?.isDirectory()) members.push(member)
    }
    return members
  }
}

const isDirectory = async (fs, path) => (await fs.stat(path).catch(() => undefined))?.isDirectory() ?? false

async function copyDeadProperties(fs, from, to) {
  const dead = await fs.getxattr(from, DEAD_PROPERTIES).catch((error) => {
    if (error.code !== 'ENODATA') throw error
  })
  if (dead !== undefined) await refused(fs.setxattr(to, DEAD_PROPERTIES, dead))
}
