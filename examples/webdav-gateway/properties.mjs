/** The properties of one resource: live ones from its attributes, dead ones (those of clients) in one extended attribute. */
import { PropertyIsProtectedError, PropertyNotFoundError } from 'nephele'
import { refused } from './refusals.mjs'

/** JSON of name to value. Travels with the file through renames and hard links, and is limited to 64 KiB as every attribute. */
export const DEAD_PROPERTIES = 'user.webdav'

const LOCK_KINDS = ['exclusive', 'shared'].map((scope) => ({ lockscope: { [scope]: {} }, locktype: { write: {} } }))

const LIVE = {
  creationdate: async (resource) => (await resource.stats()).birthtime.toISOString(),
  getcontentlength: async (resource) => String(await resource.getLength()),
  getcontenttype: (resource) => resource.getMediaType(),
  getetag: (resource) => resource.getEtag(),
  getlastmodified: async (resource) => (await resource.stats()).mtime.toUTCString(),
  resourcetype: async (resource) => ((await resource.isCollection()) ? { collection: {} } : {}),
  supportedlock: async () => ({ lockentry: LOCK_KINDS }),
}

export class Properties {
  constructor(resource) {
    this.resource = resource
  }

  async #dead() {
    const { fs, path } = this.resource
    try {
      return JSON.parse(await fs.getxattr(path, DEAD_PROPERTIES))
    } catch (error) {
      if (error.code === 'ENODATA') return {}
      throw error
    }
  }

  async get(name) {
    const value = Object.hasOwn(LIVE, name) ? await LIVE[name](this.resource) : (await refused(this.#dead()))[name]
    if (value === null || value === undefined) throw new PropertyNotFoundError(`${name} is not there`)
    return value
  }

  async getAll() {
    const all = { ...(await refused(this.#dead())) }
    for (const name of Object.keys(LIVE)) {
      const value = await LIVE[name](this.resource)
      if (value !== null) all[name] = value
    }
    return all
  }

  async listLive() {
    return Object.keys(LIVE)
  }

  async listDead() {
    return Object.keys(await refused(this.#dead()))
  }

  async list() {
    return [...(await this.listLive()), ...(await this.listDead())]
  }

  /** All or none. Answers what stands in the way, by name. */
  async runInstructions(instructions) {
    const fixed = instructions.filter(([, name]) => Object.hasOwn(LIVE, name))
    if (fixed.length > 0) return fixed.map(([, name]) => [name, new PropertyIsProtectedError(`${name} is protected`)])
    try {
      const { fs, path } = this.resource
      const dead = await refused(this.#dead())
      for (const [action, name, value] of instructions) {
        if (action === 'set') dead[name] = value
        else delete dead[name]
      }
      await refused(fs.setxattr(path, DEAD_PROPERTIES, JSON.stringify(dead)))
    } catch (error) {
      return instructions.map(([, name]) => [name, error])
    }
  }

  async #run(instruction) {
    const errors = await this.runInstructions([instruction])
    if (errors !== undefined) throw errors[0][1]
  }

  set(name, value) {
    return this.#run(['set', name, value])
  }

  remove(name) {
    return this.#run(['remove', name, undefined])
  }

  // Everybody who may see a resource sees the same properties.
  getByUser(name) {
    return this.get(name)
  }

  getAllByUser() {
    return this.getAll()
  }

  listByUser() {
    return this.list()
  }

  listLiveByUser() {
    return this.listLive()
  }

  listDeadByUser() {
    return this.listDead()
  }

  setByUser(name, value) {
    return this.set(name, value)
  }

  removeByUser(name) {
    return this.remove(name)
  }

  runInstructionsByUser(instructions) {
    return this.runInstructions(instructions)
  }
}
