import type { Entry, Handle } from 'vivefs/fsal'

/** The kernel's name of the root. */
export const ROOT_NODE = 1

interface Node {
  readonly handle: Handle
  /** How many times the kernel was told of it and has not forgotten it. */
  lookups: number
}

/**
 * The inodes that the kernel knows. A node id is the inode's number: numbers are never used again in a volume, so the pair of
 * id and generation never names two files. Bounded by the kernel's own caches, which forget what they drop.
 */
export class NodeTable {
  readonly #nodes = new Map<number, Node>()
  readonly #root: Handle
  readonly #rootIno: number

  constructor(root: Handle, rootIno: number) {
    this.#root = root
    this.#rootIno = rootIno
  }

  get size(): number {
    return this.#nodes.size
  }

  idOf(ino: number): number {
    return ino === this.#rootIno ? ROOT_NODE : ino === ROOT_NODE ? this.#rootIno : ino
  }

  /** Counts one lookup; the kernel will forget it. Returns the node id. */
  remember({ handle, attributes }: Entry): number {
    const id = this.idOf(attributes.ino)
    if (id === ROOT_NODE) return id
    const node = this.#nodes.get(id)
    if (node === undefined) this.#nodes.set(id, { handle, lookups: 1 })
    else node.lookups++
    return id
  }

  /** Undefined: the kernel was never told of it, or has forgotten it. */
  handleOf(id: number): Handle | undefined {
    return id === ROOT_NODE ? this.#root : this.#nodes.get(id)?.handle
  }

  forget(id: number, lookups: number): void {
    const node = this.#nodes.get(id)
    if (node === undefined) return
    node.lookups -= lookups
    if (node.lookups <= 0) this.#nodes.delete(id)
  }
}
