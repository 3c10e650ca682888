import { EntryView } from '../batch/entry.ts'
import type { Bytes } from '../bytes.ts'
import type { Cursor } from '../cursor.ts'
import type { Op } from '../op.ts'
import type { KeyTree } from './key-tree.ts'

/** What the cursor asks its memtable. */
interface Ages {
  age(sequence: number): number
  sequence(age: number): number
}

/**
 * A cursor over the point entries of a memtable. It never waits. Entries that are added may move the slot it stands on:
 * it sees that (another entry has the slot) and finds its own again.
 */
export class MemtableCursor extends EntryView implements Cursor {
  valid = false
  sequence = 0
  readonly #ages: Ages
  readonly #tree: KeyTree
  #leaf = 0
  #index = 0
  #ref = -1

  constructor(ages: Ages, tree: KeyTree) {
    super()
    this.#ages = ages
    this.#tree = tree
  }

  get keyBytes(): Buffer {
    return this.bytes
  }

  get valueBytes(): Buffer {
    return this.bytes
  }

  *first(): Op<void> {
    this.#stand(this.#tree.firstLeaf, 0)
  }

  *last(): Op<void> {
    const leaf = this.#tree.lastLeaf
    this.#stand(leaf, this.#tree.count(leaf) - 1)
  }

  *seek(key: Bytes, sequence: number): Op<void> {
    const tree = this.#tree
    tree.find(key, 0, key.length, this.#ages.age(sequence))
    this.#stand(tree.leaf, tree.index)
  }

  *seekBefore(key: Bytes, sequence: number): Op<void> {
    const tree = this.#tree
    tree.find(key, 0, key.length, this.#ages.age(sequence))
    this.#stand(tree.leaf, tree.index - 1)
  }

  nextNow(): boolean {
    this.#return()
    this.#stand(this.#leaf, this.#index + 1)
    return true
  }

  *next(): Op<void> {
    this.nextNow()
  }

  prevNow(): boolean {
    this.#return()
    this.#stand(this.#leaf, this.#index - 1)
    return true
  }

  *prev(): Op<void> {
    this.prevNow()
  }

  close(): void {
    this.valid = false
  }

  /** Back to the entry it stands on, wherever that is now. */
  #return(): void {
    if (!this.valid) throw new TypeError('a cursor that is not valid was moved')
    const tree = this.#tree
    const leaf = this.#leaf
    if (this.#index < tree.count(leaf) && tree.ref(leaf, this.#index) === this.#ref) return
    tree.find(this.bytes, this.keyStart, this.keyEnd, this.#ages.age(this.sequence))
    this.#leaf = tree.leaf
    this.#index = tree.index
  }

  /** On a slot, or on the one beyond the leaf's ends. */
  #stand(leaf: number, index: number): void {
    const tree = this.#tree
    let at = leaf
    let slot = index
    if (slot < 0) {
      at = tree.before(at)
      slot = at === 0 ? 0 : tree.count(at) - 1
    } else if (slot >= tree.count(at)) {
      at = tree.next(at)
      slot = 0
    }
    this.valid = at !== 0
    if (!this.valid) return
    this.#leaf = at
    this.#index = slot
    const ref = tree.ref(at, slot)
    this.#ref = ref
    this.sequence = this.#ages.sequence(tree.age(at, slot))
    this.read(tree.records, ref, tree.records.length)
  }
}
