/** The locks of RFC 4918, by path. They live as long as the gateway: a client whose lock is gone asks for another. */

/** What the library fills in and saves. */
class Lock {
  token = ''
  date = new Date()
  timeout = 0
  scope = 'exclusive'
  depth = '0'
  provisional = false
  owner = {}
  #table

  constructor(table, resource, username) {
    this.#table = table
    this.resource = resource
    this.username = username
  }

  async save() {
    this.#table.add(this)
  }

  async delete() {
    this.#table.remove(this)
  }
}

export class LockTable {
  /** Locks by token, by path. */
  #byPath = new Map()

  /** A lock that is not taken yet. */
  create(resource, username) {
    return new Lock(this, resource, username)
  }

  add(lock) {
    const { path } = lock.resource
    const there = this.#byPath.get(path) ?? new Map()
    this.#byPath.set(path, there.set(lock.token, lock))
  }

  remove({ resource: { path }, token }) {
    const there = this.#byPath.get(path)
    there?.delete(token)
    if (there?.size === 0) this.#byPath.delete(path)
  }

  of(path) {
    return [...(this.#byPath.get(path)?.values() ?? [])]
  }

  /** The resource is gone, and its locks with it. */
  forget(path) {
    this.#byPath.delete(path)
  }
}
