/** A volume with snapshots and forks beside an oracle whose snapshots are deep copies of its tree. */
import { expect } from 'vitest'
import { createFsal } from '../../src/fsal/fsal.ts'
import { runFsck } from '../../src/fsck/fsck.ts'
import { runAsync } from '../../src/op.ts'
import { createSnapshot, deleteSnapshot } from '../../src/snapshot/create.ts'
import { closeFork, createFork, deleteFork, openFork } from '../../src/snapshot/fork.ts'
import { viewOf } from '../../src/snapshot/mount.ts'
import { registryOf } from '../../src/snapshot/registry.ts'
import { rollback } from '../../src/snapshot/rollback.ts'
import type { BareVolume } from '../bare-volume.ts'
import { Driver, noRarities } from '../model/driver.ts'
import { fingerprint, fingerprintOf } from '../model/fingerprint.ts'
import { copyTree, type Node } from '../model/oracle.ts'
import type { Random } from '../seed.ts'

const superuser = { uid: 0, gid: 0, groups: [], umask: 0o022 }
const SNAPSHOTS_MAX = 8
const FORKS_MAX = 3
/** Keys of snapshots, forks, histories and rows of forks. */
const TYPES = [0x0c, 0x0d, 0x18, 0x1c, 0x48, 0x4c]

const counters = () => ({
  operations: 0,
  created: 0,
  deleted: 0,
  views: 0,
  rollbacks: 0,
  forks: 0,
  forkRuns: 0,
  unforks: 0,
})

export class SnapshotModel {
  readonly counts = counters()
  /** Hears of everything but ordinary operations, before and after it. */
  onAction = (_what: string): void => {}
  readonly #random: Random
  readonly #open: () => Promise<BareVolume>
  readonly #snapshots = new Map<string, Node>()
  readonly #forks = new Map<string, Node>()
  readonly rarities = noRarities()
  readonly #clones: boolean
  #driver: Driver
  #names = 0

  constructor(random: Random, open: () => Promise<BareVolume>, { clones = false }: { clones?: boolean } = {}) {
    this.#clones = clones
    this.#random = random
    this.#open = open
    this.#driver = new Driver({ random, people: [superuser], open, rarities: this.rarities, clones: this.#clones })
  }

  get volume(): BareVolume {
    return this.#driver.volume
  }

  /** What the snapshots are to show. */
  get snapshots(): ReadonlyMap<string, Node> {
    return this.#snapshots
  }

  get tree(): Node {
    return this.#driver.oracle.root
  }

  /** At least `operations` operations, then everything is deleted again. */
  async run(operations: number): Promise<void> {
    await this.#driver.start()
    while (this.counts.operations < operations) await this.turn()
    await this.finish()
  }

  start(): Promise<void> {
    return this.#driver.start()
  }

  async turn(): Promise<void> {
    const random = this.#random
    const steps = random.upTo(40)
    await this.#driver.run(steps)
    this.counts.operations += steps + 1
    const roll = random.next()
    if (roll < 0.4) await this.#create()
    else if (roll < 0.6) await this.#delete()
    else if (roll < 0.68) await this.#rollback()
    else if (roll < 0.76) await this.#fork()
    else if (roll < 0.92) await this.#useFork()
    else if (roll < 0.96) await this.#unfork()
    for (const name of this.#snapshots.keys()) if (random.chance(0.15)) await this.#look(name)
  }

  /** One more rollback (a short run may have had none), names and numbers of what there is; then nothing of it is left. */
  async finish(): Promise<void> {
    await this.#rollback()
    for (const name of this.#snapshots.keys()) await this.#look(name)
    for (const name of [...this.#forks.keys()]) {
      await this.#compareFork(name)
      await this.#dropFork(name)
    }
    for (const name of [...this.#snapshots.keys()]) await this.#drop(name)
    const { core } = this.volume
    await core.jobs.idle()
    for (const type of TYPES) {
      const range = { gte: Buffer.of(type), lt: Buffer.of(type + 1) }
      const rows = await runAsync(core.store.transact((tx) => tx.range(range), { readOnly: true }))
      expect(rows.map(({ key }) => Buffer.from(key).toString('hex'))).toEqual([])
    }
    await this.#driver.finish()
  }

  async #create(): Promise<void> {
    if (this.#snapshots.size >= SNAPSHOTS_MAX) return this.#delete()
    const name = `snapshot${++this.#names}`
    this.onAction(`create ${name}`)
    await runAsync(createSnapshot(this.volume.core, name))
    this.#snapshots.set(name, copyTree(this.tree))
    this.onAction('created')
    this.counts.created++
  }

  async #delete(): Promise<void> {
    const { core } = this.volume
    const base = registryOf(core).forks.map((fork) => fork.base)
    const names = [...this.#snapshots.keys()].filter((name) => !base.includes(registryOf(core).find(name)!.tag))
    if (names.length > 0) await this.#drop(this.#random.pick(names))
  }

  async #drop(name: string): Promise<void> {
    this.onAction(`delete ${name}`)
    await runAsync(deleteSnapshot(this.volume.core, name))
    this.#snapshots.delete(name)
    this.counts.deleted++
  }

  async #look(name: string): Promise<void> {
    const view = createFsal(viewOf(this.volume.core, name))
    expect(await fingerprint(view), name).toEqual(fingerprintOf(this.#snapshots.get(name)!))
    this.counts.views++
  }

  async #rollback(): Promise<void> {
    if (this.#snapshots.size === 0) return
    const name = this.#random.pick([...this.#snapshots.keys()])
    const { volume } = this
    // Half of the time with jobs under way, which then are not to be done.
    if (this.#random.chance(0.5)) await this.#driver.settle()
    else await this.#driver.closeAll()
    this.onAction(`rollback ${name}`)
    await rollback(volume.core, name)
    const tree = copyTree(this.#snapshots.get(name)!)
    expect(await fingerprint(volume.fsal), `rolled back to ${name}`).toEqual(fingerprintOf(tree))
    let isFirst = true
    const open = async (): Promise<BareVolume> => {
      if (!isFirst) return this.#open()
      isFirst = false
      return volume
    }
    this.#driver = new Driver({
      random: this.#random,
      people: [superuser],
      open,
      rarities: this.rarities,
      clones: this.#clones,
      tree,
    })
    await this.#driver.start()
    this.counts.rollbacks++
    this.onAction('rolled back')
  }

  async #fork(): Promise<void> {
    if (this.#forks.size >= FORKS_MAX) return this.#unfork()
    const name = `fork${++this.#names}`
    const { core } = this.volume
    const isFromNow = this.#snapshots.size === 0 || this.#random.chance(0.5)
    const from = isFromNow ? undefined : this.#random.pick([...this.#snapshots.keys()])
    this.onAction(`fork ${name} from ${from}`)
    await runAsync(createFork(core, name, from))
    const volume = await this.#openFork(name)
    const id = Buffer.from(volume.fsal.root()).subarray(0, 16)
    const tree = from === undefined ? this.tree : this.#snapshots.get(from)!
    this.#forks.set(
      name,
      copyTree(tree, (handle) => Buffer.concat([id, handle.subarray(16)])),
    )
    this.counts.forks++
    await this.#compareFork(name)
  }

  async #openFork(name: string): Promise<BareVolume> {
    const { core } = this.volume
    const info = registryOf(core).findFork(name)!
    const fork = await openFork(core, info)
    return {
      core: fork,
      fsal: createFsal(fork),
      fsck: (options) => runFsck(fork, options),
      close: () => closeFork(core, info.tag),
    }
  }

  async #useFork(): Promise<void> {
    if (this.#forks.size === 0) return
    const name = this.#random.pick([...this.#forks.keys()])
    const tree = this.#forks.get(name)!
    const open = () => this.#openFork(name)
    const driver = new Driver({
      random: this.#random,
      people: [superuser],
      open,
      rarities: this.rarities,
      clones: this.#clones,
      tree,
    })
    await driver.start()
    const steps = this.#random.upTo(40)
    await driver.run(steps)
    this.counts.operations += steps
    await driver.closeAll()
    this.counts.forkRuns++
    if (this.#random.chance(0.3)) await this.#compareFork(name)
  }

  async #compareFork(name: string): Promise<void> {
    const { fsal } = await this.#openFork(name)
    expect(await fingerprint(fsal), name).toEqual(fingerprintOf(this.#forks.get(name)!))
  }

  async #unfork(): Promise<void> {
    if (this.#forks.size > 0) await this.#dropFork(this.#random.pick([...this.#forks.keys()]))
  }

  async #dropFork(name: string): Promise<void> {
    this.onAction(`unfork ${name}`)
    await deleteFork(this.volume.core, name)
    this.#forks.delete(name)
    this.counts.unforks++
  }
}
