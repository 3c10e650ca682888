/** Snapshots and forks of a volume of another thread: as `vive.snapshots`, `vive.forks`, `vive.snapshot` and `vive.fork`, but promised. */
import type { Credentials } from '../core/mode.ts'
import type { SpaceReport } from '../core/space.ts'
import type { SnapshotChange } from '../snapshot/diff.ts'
import type { ForkDescription, Snapshot } from '../snapshot/snapshots.ts'
import type { PortFileSystem } from './client.ts'
import type { ViewOf } from './messages.ts'
import type { ChangesPage } from './trees.ts'

export type AskTrees = (name: string, ...args: readonly unknown[]) => Promise<unknown>
type FacesOf = (view: ViewOf) => PortFileSystem

/** A snapshot or a fork, open through a port. */
export class PortTree {
  readonly name: string
  readonly fs: PortFileSystem
  readonly #number: number
  readonly #ask: AskTrees
  readonly #facesOf: FacesOf

  constructor(name: string, number: number, ask: AskTrees, facesOf: FacesOf) {
    this.name = name
    this.#number = number
    this.#ask = ask
    this.#facesOf = facesOf
    this.fs = facesOf({ tree: number })
  }

  /** As `PortVolume.as`. */
  as(view: Partial<Credentials> & { readonly cwd?: string }): { readonly fs: PortFileSystem } {
    return { fs: this.#facesOf({ ...view, tree: this.#number }) }
  }

  async space(): Promise<SpaceReport> {
    return (await this.#ask('spaceOf', this.#number)) as SpaceReport
  }

  /** Of a fork: as `ViveFS.settle`. */
  async settle(): Promise<void> {
    await this.#ask('settleTree', this.#number)
  }

  /** Closes what is open in it; a fork stays. */
  async close(): Promise<void> {
    await this.#ask('closeTree', this.#number)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** As `Snapshots`. The port must be allowed to (`mayManage`) for all but `list`. */
export class PortSnapshots {
  readonly #ask: AskTrees

  constructor(ask: AskTrees) {
    this.#ask = ask
  }

  async create(name: string): Promise<Snapshot> {
    return (await this.#ask('create', name)) as Snapshot
  }

  async list(): Promise<Snapshot[]> {
    return (await this.#ask('list')) as Snapshot[]
  }

  async delete(name: string): Promise<void> {
    await this.#ask('delete', name)
  }

  async rollback(name: string): Promise<void> {
    await this.#ask('rollback', name)
  }

  async *diff(from: string, to?: string): AsyncGenerator<SnapshotChange, void> {
    const number = await this.#ask('diff', from, to)
    let isDone = false
    try {
      while (!isDone) {
        const page = (await this.#ask('diffNext', number)) as ChangesPage
        isDone = page.isDone
        yield* page.changes
      }
    } finally {
      if (!isDone) await this.#ask('diffEnd', number)
    }
  }
}

/** As `Forks`. The port must be allowed to (`mayManage`) for all but `list`. */
export class PortForks {
  readonly #ask: AskTrees
  readonly #facesOf: FacesOf

  constructor(ask: AskTrees, facesOf: FacesOf) {
    this.#ask = ask
    this.#facesOf = facesOf
  }

  async create(name: string, { from }: { readonly from?: string } = {}): Promise<PortTree> {
    return this.#tree(name, await this.#ask('createFork', name, from))
  }

  async open(name: string): Promise<PortTree> {
    return this.#tree(name, await this.#ask('openFork', name))
  }

  async list(): Promise<ForkDescription[]> {
    return (await this.#ask('listForks')) as ForkDescription[]
  }

  async delete(name: string): Promise<void> {
    await this.#ask('deleteFork', name)
  }

  #tree = (name: string, number: unknown): PortTree => new PortTree(name, number as number, this.#ask, this.#facesOf)
}
