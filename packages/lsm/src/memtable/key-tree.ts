/**
 * A B+tree over entries that lie in an arena of records, in one array of Int32 words: it can be shared with a worker and
 * costs the garbage collector nothing. Entries are only ever added.
 *
 * A node is a run of words; its number is the index of its first word. N slots:
 *
 *     0      count of slots in use            2  the next leaf      (leaves only; 0: none)
 *     1      shared: see I3                   3  the leaf before
 *     4      N heads, N refs, N ages          in inner nodes then N + 1 children
 *
 * A slot stands for an entry: `ref` is where the entry starts in the arena, `age` its sequence number minus a base, `head`
 * the four key bytes after the shared ones, big-endian, as signed words with the top bit flipped (they compare like the
 * bytes), zeros where the key has ended.
 *
 * I1: slots ascend by key, then descend by age. No two slots are equal.
 * I2: slot i of an inner node is the first entry below child i + 1 when that was split off; everything below child i is
 *     before slot i, everything below child i + 1 is at or after it.
 * I3: `shared` bytes are common to all keys that can lie in a node: they are the common prefix of the slots above that
 *     bound it on both sides; in a node at the edge of the tree, of all keys in the tree (I4). So one word tells most keys
 *     apart, whatever prefixes the keys have.
 * I4: a key that is searched for or added is compared with the prefix of all keys first. One that is added and does not
 *     have it shortens it, and the heads of the nodes at both edges are made anew.
 *
 * Sources: B+tree; I3 is the prefix truncation with "poor man's normalized keys" of Graefe and Larson, "B-tree indexes and
 * CPU caches" (2001).
 */

import { arenaMemory } from './arena-pool.ts'

/** Slots of a node. */
const N = 32
const COUNT = 0
const SHARED = 1
const NEXT = 2
const BEFORE = 3
const HEADS = 4
const REFS: number = HEADS + N
const AGES: number = REFS + N
const CHILDREN: number = AGES + N
const LEAF_WORDS: number = CHILDREN
const INNER_WORDS: number = CHILDREN + N + 1
/** N / 2 to the power of this is more than there are refs. */
const HEIGHT_MAX = 12
/** The first node: 0 means "none". */
const FIRST_WORD = 4

/** What a worker needs beside the words. */
export interface KeyTreeShape {
  readonly used: number
  readonly root: number
  readonly height: number
  readonly firstLeaf: number
  readonly lastLeaf: number
  /** Where the prefix of all keys lies in the arena (-1: there is no key), and its length. */
  readonly prefixAt: number
  readonly prefixBytes: number
}

export class KeyTree {
  words: Int32Array
  /** The arena. The owner replaces it when it grows. */
  records: Buffer
  firstLeaf: number
  lastLeaf: number
  /** Result of {@link find}: slot `index` of `leaf`. */
  leaf = 0
  index = 0
  #used: number
  #root: number
  /** Inner nodes between the root and a leaf, the root included. */
  #height: number
  readonly #shared: boolean
  /** The way of the last descent: node, child taken, and refs of the slots that bound the node (-1: none). */
  readonly #nodes = new Int32Array(HEIGHT_MAX)
  readonly #taken = new Int32Array(HEIGHT_MAX)
  readonly #lower = new Int32Array(HEIGHT_MAX + 1)
  readonly #upper = new Int32Array(HEIGHT_MAX + 1)
  /** The slot of the entry that was added last, and whether that entry followed the one before. */
  #latestLeaf = 0
  #latestIndex = 0
  #inOrder = false
  #prefixAt: number
  #prefixBytes: number

  constructor(records: Buffer, words: Int32Array, shape?: KeyTreeShape) {
    this.records = records
    this.words = words
    this.#shared = words.buffer instanceof SharedArrayBuffer
    this.#used = shape?.used ?? FIRST_WORD
    this.#height = shape?.height ?? 0
    this.#root = shape?.root ?? this.#node(LEAF_WORDS)
    this.firstLeaf = shape?.firstLeaf ?? this.#root
    this.lastLeaf = shape?.lastLeaf ?? this.#root
    this.#prefixAt = shape?.prefixAt ?? -1
    this.#prefixBytes = shape?.prefixBytes ?? 0
  }

  get bytes(): number {
    return this.#used * 4
  }

  /** Words in use: those behind are zeros. */
  get used(): number {
    return this.#used
  }

  get shape(): KeyTreeShape {
    const { firstLeaf, lastLeaf } = this
    const [prefixAt, prefixBytes] = [this.#prefixAt, this.#prefixBytes]
    return { used: this.#used, root: this.#root, height: this.#height, firstLeaf, lastLeaf, prefixAt, prefixBytes }
  }

  count(leaf: number): number {
    return this.words[leaf + COUNT]!
  }

  next(leaf: number): number {
    return this.words[leaf + NEXT]!
  }

  before(leaf: number): number {
    return this.words[leaf + BEFORE]!
  }

  ref(leaf: number, index: number): number {
    return this.words[leaf + REFS + index]!
  }

  age(leaf: number, index: number): number {
    return this.words[leaf + AGES + index]!
  }

  /** Points `leaf` and `index` to the first slot at or after the key and age; `index` may be the count of the last leaf. */
  find(bytes: Uint8Array, start: number, end: number, age: number): void {
    const prefixed = this.#prefixed(bytes, start, end)
    if (prefixed < this.#prefixBytes) {
      const before = start + prefixed === end || bytes[start + prefixed]! < this.records[this.#prefixAt + prefixed]!
      this.leaf = before ? this.firstLeaf : this.lastLeaf
      this.index = before ? 0 : this.count(this.leaf)
      return
    }
    let node = this.#root
    for (let level = this.#height; level > 0; level--) {
      const child = this.#slot(node, bytes, start, end, age, true)
      node = this.words[node + CHILDREN + child]!
    }
    const index = this.#slot(node, bytes, start, end, age, false)
    const next = this.words[node + NEXT]!
    const past = index === this.words[node + COUNT] && next !== 0
    this.leaf = past ? next : node
    this.index = past ? 0 : index
  }

  /** Adds the entry at `ref`, whose key is `records[start, end)`. */
  add(ref: number, start: number, end: number, age: number): void {
    const { records } = this
    if (this.#prefixAt < 0) {
      this.#prefixAt = start
      this.#shorten(end - start)
    } else {
      const prefixed = this.#prefixed(records, start, end)
      if (prefixed < this.#prefixBytes) this.#shorten(prefixed)
    }
    if (this.#inOrder && this.#follow(ref, start, end, age)) return
    let node = this.#root
    const height = this.#height
    let lower = -1
    let upper = -1
    for (let level = 0; level < height; level++) {
      const { words } = this
      const child = this.#slot(node, records, start, end, age, true)
      this.#nodes[level] = node
      this.#taken[level] = child
      this.#lower[level] = lower
      this.#upper[level] = upper
      if (child > 0) lower = words[node + REFS + child - 1]!
      if (child < words[node + COUNT]!) upper = words[node + REFS + child]!
      node = words[node + CHILDREN + child]!
    }
    const index = this.#slot(node, records, start, end, age, false)
    const count = this.words[node + COUNT]!
    if (count < N) {
      this.#insert(node, count, index, headOf(records, start + this.words[node + SHARED]!, end), ref, age)
      this.#inOrder = node === this.#latestLeaf && index === this.#latestIndex + 1
      this.#latestLeaf = node
      this.#latestIndex = index
    } else {
      this.#lower[height] = lower
      this.#upper[height] = upper
      this.#addToFull(node, index, ref, start, end, age)
    }
  }

  /** Entries that come in order need no search: true when this one belongs right behind the latest and is there now. */
  #follow(ref: number, start: number, end: number, age: number): boolean {
    const { words, records } = this
    const leaf = this.#latestLeaf
    const index = this.#latestIndex + 1
    const count = words[leaf + COUNT]!
    if (count === N || this.#compare(leaf, index - 1, records, start, end, 0, age) >= 0) return false
    // What lies between the last slot of a leaf and the first of the next belongs to the first of the two (I2).
    const next = index < count ? leaf : words[leaf + NEXT]!
    if (next !== 0 && this.#compare(next, index < count ? index : 0, records, start, end, 0, age) <= 0) return false
    this.#insert(leaf, count, index, headOf(records, start + words[leaf + SHARED]!, end), ref, age)
    this.#latestIndex = index
    return true
  }

  /** How many bytes of the prefix of all keys a key has. */
  #prefixed(bytes: Uint8Array, start: number, end: number): number {
    const { records } = this
    const at = this.#prefixAt
    const limit = Math.min(this.#prefixBytes, end - start)
    let i = 0
    while (i < limit && records[at + i] === bytes[start + i]) i++
    return i
  }

  /** The keys have no more than so many bytes in common (I4). */
  #shorten(prefixBytes: number): void {
    this.#prefixBytes = prefixBytes
    let left = this.#root
    let right = this.#root
    for (let level = this.#height; ; level--) {
      this.#share(left, prefixBytes)
      this.#share(right, prefixBytes)
      if (level === 0) return
      const { words } = this
      left = words[left + CHILDREN]!
      right = words[right + CHILDREN + words[right + COUNT]!]!
    }
  }

  /** The number of slots before the key and age; with `through`, of those at it too. */
  #slot(node: number, bytes: Uint8Array, start: number, end: number, age: number, through: boolean): number {
    const { words } = this
    const shared = words[node + SHARED]!
    const head = headOf(bytes, start + shared, end)
    const heads = node + HEADS
    let low = 0
    let high = words[node + COUNT]!
    while (low < high) {
      const middle = (low + high) >>> 1
      const there = words[heads + middle]!
      if (there < head) low = middle + 1
      else if (there > head) high = middle
      else {
        const order = this.#compare(node, middle, bytes, start, end, shared, age)
        if (order < 0 || (order === 0 && through)) low = middle + 1
        else high = middle
      }
    }
    return low
  }

  /** Order of a slot and a key and age whose first `shared` bytes and head are equal. */
  #compare(
    node: number,
    index: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    shared: number,
    age: number,
  ): number {
    const { words, records } = this
    const ref = words[node + REFS + index]!
    let length = records[ref + 1]!
    let at = ref + 2
    if (length >= 0x80) {
      length = longLength(records, ref)
      at = ref + (length < 0x4000 ? 3 : 4)
    }
    const common = Math.min(length, end - start)
    for (let i = shared; i < common; i++) {
      const difference = records[at + i]! - bytes[start + i]!
      if (difference !== 0) return difference
    }
    if (length !== end - start) return length - (end - start)
    const there = words[node + AGES + index]!
    return there > age ? -1 : there < age ? 1 : 0
  }

  #insert(node: number, count: number, index: number, head: number, ref: number, age: number): void {
    const { words } = this
    for (let i = node + count; i > node + index; i--) {
      words[i + HEADS] = words[i + HEADS - 1]!
      words[i + REFS] = words[i + REFS - 1]!
      words[i + AGES] = words[i + AGES - 1]!
    }
    words[node + HEADS + index] = head
    words[node + REFS + index] = ref
    words[node + AGES + index] = age
    words[node + COUNT] = count + 1
  }

  /** Splits a full leaf and adds the entry to the half where it belongs. */
  #addToFull(left: number, index: number, ref: number, start: number, end: number, age: number): void {
    const height = this.#height
    const lower = this.#lower[height]!
    const upper = this.#upper[height]!
    // Entries that come in order fill their leaves: the new one starts the next leaf.
    const ordered = index === N && left === this.#latestLeaf && this.#latestIndex === N - 1
    const at = ordered ? N : N >> 1
    const right = this.#node(LEAF_WORDS)
    const { words } = this
    const moved = N - at
    for (let i = 0; i < moved; i++) {
      words[right + HEADS + i] = words[left + HEADS + at + i]!
      words[right + REFS + i] = words[left + REFS + at + i]!
      words[right + AGES + i] = words[left + AGES + at + i]!
    }
    words[right + COUNT] = moved
    words[left + COUNT] = at
    words[right + SHARED] = words[left + SHARED]!
    const next = words[left + NEXT]!
    words[right + NEXT] = next
    words[right + BEFORE] = left
    words[left + NEXT] = right
    if (next === 0) this.lastLeaf = right
    else words[next + BEFORE] = right
    const bound = ordered ? ref : words[right + REFS]!
    const boundAge = ordered ? age : words[right + AGES]!
    this.#narrow(left, lower, bound)
    this.#narrow(right, bound, upper)
    const into = index > at || ordered ? right : left
    const place = into === right ? index - at : index
    const count = words[into + COUNT]!
    this.#latestLeaf = into
    this.#latestIndex = place
    this.#inOrder = ordered
    this.#insert(into, count, place, headOf(this.records, start + words[into + SHARED]!, end), ref, age)
    this.#addChild(height - 1, bound, boundAge, right)
  }

  /** Below the inner node of this level on the last way, a new child starts at a slot. */
  #addChild(level: number, ref: number, age: number, child: number): void {
    if (level < 0) {
      const root = this.#node(INNER_WORDS)
      const { words } = this
      words[root + SHARED] = this.#prefixBytes
      words[root + CHILDREN] = this.#root
      this.#root = root
      this.#height++
      this.#insertChild(root, 0, ref, age, child)
      return
    }
    const left = this.#nodes[level]!
    const index = this.#taken[level]!
    if (this.words[left + COUNT]! < N) {
      this.#insertChild(left, index, ref, age, child)
      return
    }
    // The middle slot moves up; keys in order leave a full node behind.
    const at = index === N ? N - 1 : N >> 1
    const right = this.#node(INNER_WORDS)
    const { words } = this
    const moved = N - at - 1
    for (let i = 0; i < moved; i++) {
      words[right + HEADS + i] = words[left + HEADS + at + 1 + i]!
      words[right + REFS + i] = words[left + REFS + at + 1 + i]!
      words[right + AGES + i] = words[left + AGES + at + 1 + i]!
    }
    for (let i = 0; i <= moved; i++) words[right + CHILDREN + i] = words[left + CHILDREN + at + 1 + i]!
    words[right + COUNT] = moved
    words[left + COUNT] = at
    words[right + SHARED] = words[left + SHARED]!
    const bound = words[left + REFS + at]!
    const boundAge = words[left + AGES + at]!
    this.#narrow(left, this.#lower[level]!, bound)
    this.#narrow(right, bound, this.#upper[level]!)
    if (index <= at) this.#insertChild(left, index, ref, age, child)
    else this.#insertChild(right, index - at - 1, ref, age, child)
    this.#addChild(level - 1, bound, boundAge, right)
  }

  #insertChild(node: number, index: number, ref: number, age: number, child: number): void {
    const { words } = this
    const count = words[node + COUNT]!
    for (let i = node + CHILDREN + count + 1; i > node + CHILDREN + index + 1; i--) words[i] = words[i - 1]!
    words[node + CHILDREN + index + 1] = child
    this.#insert(node, count, index, this.#headAt(ref, words[node + SHARED]!), ref, age)
  }

  /** A node got new bounds: I3. */
  #narrow(node: number, lower: number, upper: number): void {
    this.#share(node, lower < 0 || upper < 0 ? this.#prefixBytes : this.#common(lower, upper))
  }

  #share(node: number, shared: number): void {
    const { words } = this
    if (shared === words[node + SHARED]) return
    words[node + SHARED] = shared
    const count = words[node + COUNT]!
    for (let i = 0; i < count; i++) words[node + HEADS + i] = this.#headAt(words[node + REFS + i]!, shared)
  }

  #headAt(ref: number, shared: number): number {
    const { records } = this
    const length = longLength(records, ref)
    const start = ref + (length < 0x80 ? 2 : length < 0x4000 ? 3 : 4)
    return headOf(records, start + shared, start + length)
  }

  #common(a: number, b: number): number {
    const { records } = this
    const aLength = longLength(records, a)
    const bLength = longLength(records, b)
    const aStart = a + (aLength < 0x80 ? 2 : aLength < 0x4000 ? 3 : 4)
    const bStart = b + (bLength < 0x80 ? 2 : bLength < 0x4000 ? 3 : 4)
    const limit = Math.min(aLength, bLength)
    let i = 0
    while (i < limit && records[aStart + i] === records[bStart + i]) i++
    return i
  }

  /** Room for a node: all zeros. */
  #node(size: number): number {
    const node = this.#used
    this.#used = node + size
    if (this.#used > this.words.length) {
      const grown = new Int32Array(arenaMemory(this.words.length * 8, this.#shared))
      grown.set(this.words)
      this.words = grown
    }
    return node
  }
}

/** Key bytes of the entry at `ref`, which is sound. */
function longLength(records: Uint8Array, ref: number): number {
  const low = records[ref + 1]!
  if (low < 0x80) return low
  const middle = records[ref + 2]!
  if (middle < 0x80) return (low & 0x7f) | (middle << 7)
  return (low & 0x7f) | ((middle & 0x7f) << 7) | (records[ref + 3]! << 14)
}

/** The head of a key from `at` on. */
function headOf(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end)
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) ^ 0x8000_0000
  let head = 0
  if (at < end) head |= bytes[at]! << 24
  if (at + 1 < end) head |= bytes[at + 1]! << 16
  if (at + 2 < end) head |= bytes[at + 2]! << 8
  return head ^ 0x8000_0000
}
