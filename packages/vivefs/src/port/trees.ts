/** The owner's end of what a port does with snapshots and forks: numbers for the trees and comparisons that the asker has open. */
import { ViveError } from '../errors.ts'
import type { SnapshotChange } from '../snapshot/diff.ts'
import { Fork, type TreeView } from '../snapshot/snapshots.ts'
import type { ViveFS } from '../vivefs.ts'

/** Changes that one message brings. */
const PAGE_CHANGES = 256
/** Trees and comparisons that one port has open at most. */
const OPEN_MAX = 1024

/** Some changes of a comparison. */
export interface ChangesPage {
  readonly changes: readonly SnapshotChange[]
  readonly isDone: boolean
}

const refuse = (text: string): ViveError => new ViveError('ERR_VIVEFS_OPTION', text)

/** What whoever may not manage the volume can ask for. */
const PLAIN = ['list', 'listForks', 'openSnapshot', 'closeTree', 'spaceOf']

export class Trees {
  readonly #vive: ViveFS
  readonly #session: string
  readonly #mayManage: boolean
  readonly #trees = new Map<number, TreeView | Fork>()
  readonly #diffs = new Map<number, AsyncGenerator<SnapshotChange, void>>()
  #next = 1

  constructor(vive: ViveFS, session: string, mayManage: boolean) {
    this.#vive = vive
    this.#session = session
    this.#mayManage = mayManage
  }

  /** The tree that the asker knows by a number. ERR_VIVEFS_CLOSED. */
  get(number: number): TreeView {
    const tree = this.#trees.get(number)
    if (tree === undefined) throw new ViveError('ERR_VIVEFS_CLOSED', 'the snapshot or fork is closed')
    return tree
  }

  /** Errors: those of the calls of the same names; ERR_VIVEFS_OPTION for what the port may not do. */
  async answer(name: string, given: readonly unknown[]): Promise<unknown> {
    if (!this.#mayManage && !PLAIN.includes(name)) throw refuse('this port does not manage snapshots and forks')
    const [first, second] = given as [string, string | undefined]
    const { snapshots, forks } = this.#vive
    switch (name) {
      case 'create':
        return await snapshots.create(first)
      case 'delete':
        return await snapshots.delete(first)
      case 'rollback':
        return await snapshots.rollback(first)
      case 'list':
        return snapshots.list()
      case 'openSnapshot':
        return this.#add(this.#trees, () => this.#vive.snapshot(first))
      case 'createFork': {
        const fork = await forks.create(first, second === undefined ? {} : { from: second })
        return this.#add(this.#trees, () => fork)
      }
      case 'openFork': {
        const fork = await forks.open(first)
        return this.#add(this.#trees, () => fork)
      }
      case 'deleteFork':
        return await forks.delete(first)
      case 'listForks':
        return forks.list()
      case 'diff':
        return this.#add(this.#diffs, () => snapshots.diff(first, second))
      default:
        return await this.#ofNumber(name, given[0] as number)
    }
  }

  /** The other side is gone: what it has open in trees is closed. */
  async end(): Promise<void> {
    for (const number of [...this.#trees.keys()]) await this.#close(number)
    for (const diff of this.#diffs.values()) await diff.return()
    this.#diffs.clear()
  }

  async #ofNumber(name: string, number: number): Promise<unknown> {
    switch (name) {
      case 'closeTree':
        return await this.#close(number)
      case 'settleTree': {
        const tree = this.get(number)
        return tree instanceof Fork ? await tree.settle() : undefined
      }
      case 'spaceOf':
        return this.get(number).space()
      case 'diffNext':
        return await this.#page(number)
      case 'diffEnd': {
        await this.#diffs.get(number)?.return()
        return void this.#diffs.delete(number)
      }
      default:
        throw refuse(`no request ${name}`)
    }
  }

  /** A fork stays open for the owner and other ports; it closes with the volume. */
  async #close(number: number): Promise<void> {
    const tree = this.#trees.get(number)
    this.#trees.delete(number)
    const isLast = tree !== undefined && ![...this.#trees.values()].some(({ identity }) => identity === tree.identity)
    if (isLast) await tree.endSession(this.#session)
  }

  async #page(number: number): Promise<ChangesPage> {
    const diff = this.#diffs.get(number)
    if (diff === undefined) throw refuse('no such comparison is open')
    const changes: SnapshotChange[] = []
    while (changes.length < PAGE_CHANGES) {
      const { value, done } = await diff.next()
      if (done) {
        this.#diffs.delete(number)
        return { changes, isDone: true }
      }
      changes.push(value as SnapshotChange)
    }
    return { changes, isDone: false }
  }

  #add<T>(to: Map<number, T>, make: () => T): number {
    if (this.#trees.size + this.#diffs.size >= OPEN_MAX) throw refuse(`more than ${OPEN_MAX} trees are open`)
    const number = this.#next++
    to.set(number, make())
    return number
  }
}
