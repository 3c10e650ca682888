/**
 * Random operations on a volume and on the oracle, side by side. Long, because each operation is one method: what to try,
 * what the oracle says, what the volume does.
 */
import { constants } from 'node:fs'
import { expect } from 'vitest'
import type { Core } from '../../src/core/core.ts'
import { superuser } from '../../src/core/mode.ts'
import type { OpenFile } from '../../src/core/open-file.ts'
import { FilesystemError } from '../../src/errors.ts'
import { type Inode, InodeFlag } from '../../src/format/inode.ts'
import type { Job } from '../../src/format/job.ts'
import type { Entry, Fsal } from '../../src/fsal/types.ts'
import { type Op, runAsync } from '../../src/op.ts'
import type { BareVolume } from '../bare-volume.ts'
import type { Random } from '../seed.ts'
import { KIND_BITS, type Kind, may, type Node, Oracle, type Outcome, type Who } from './oracle.ts'

const MIB = 1024 * 1024
/** Content that the oracle holds as bytes ends here. */
const WRITE_END_MAX = 1.5 * MIB
/** Of a page in an extent of 4 KiB. */
const PAGE_BYTES = 256
const FILES_OPEN_MAX = 12
const NODES_MANY = 250

const bytesOf = (name: string): Buffer => Buffer.from(name, 'latin1')

/** How often what is rare was met. */
export interface Rarities {
  bigDeletes: number
  cuts: number
  countingTrims: number
  consolidations: number
  mids: number
  /** Inodes with page rows. */
  pages: number
  epochsMax: number
  reopens: number
  orphans: number
  refusals: number
  /** Ranges that came to share extents. */
  shared: number
}

export const noRarities = (): Rarities => ({
  bigDeletes: 0,
  cuts: 0,
  countingTrims: 0,
  consolidations: 0,
  mids: 0,
  pages: 0,
  epochsMax: 0,
  reopens: 0,
  orphans: 0,
  refusals: 0,
  shared: 0,
})

interface Opened {
  readonly file: OpenFile
  readonly node: Node
  readonly who: Who
}

export interface DriverOptions {
  readonly random: Random
  readonly people: readonly Who[]
  readonly open: () => Promise<BareVolume>
  readonly rarities: Rarities
  /** Work below this directory of an open volume that others use too. */
  readonly below?: { readonly volume: BareVolume; readonly name: string }
  /** Copies ranges and files, shared and not, too. */
  readonly clones?: boolean
  /** Go on from this tree, which is what `open` shows. */
  readonly tree?: Node
  /** Called after every step: all of it is acknowledged. */
  readonly afterStep?: () => void
}

export class Driver {
  readonly oracle: Oracle
  readonly #random: Random
  readonly #people: readonly Who[]
  readonly #open: () => Promise<BareVolume>
  readonly #rarities: Rarities
  readonly #below: DriverOptions['below']
  readonly #afterStep: () => void
  readonly #clones: boolean
  #volume!: BareVolume
  readonly #isBegun: boolean
  #opened: Opened[] = []
  /** Nodes that are there, and a few that are gone. */
  #nodes: Node[] = []
  #log: string[] = []
  #epochCounts = new Map<Node, number>()

  constructor(options: DriverOptions) {
    this.oracle = new Oracle(options.tree)
    this.#isBegun = options.tree !== undefined
    this.#random = options.random
    this.#people = options.people
    this.#open = options.open
    this.#rarities = options.rarities
    this.#below = options.below
    this.#clones = options.clones ?? false
    this.#afterStep = options.afterStep ?? (() => {})
  }

  get volume(): BareVolume {
    return this.#volume
  }

  get #fsal(): Fsal {
    return this.#volume.fsal
  }

  async start(): Promise<void> {
    if (this.#below !== undefined) {
      await this.#startBelow(this.#below)
      return
    }
    await this.#mount()
    if (this.#isBegun) {
      this.#nodes = this.oracle.all()
      return
    }
    this.oracle.root.handle = this.#fsal.root()
    this.#nodes = [this.oracle.root]
    const attributes = await runAsync(this.#fsal.getattr(superuser, this.#fsal.root(), undefined))
    this.oracle.root.mode = attributes.mode & 0o7777
  }

  /** The oracle's root is a directory of a volume that has other users. */
  async #startBelow({ volume, name }: { volume: BareVolume; name: string }): Promise<void> {
    this.#volume = volume
    const { handle } = await runAsync(
      volume.fsal.mkdir(superuser, volume.fsal.root(), { name: bytesOf(name), mode: 0o755 }),
    )
    this.oracle.root.handle = handle
    this.#nodes = [this.oracle.root]
  }

  async #mount(): Promise<void> {
    this.#volume = await this.#open()
    watchJobs(this.#volume.core, (job) => {
      if (job.kind === 'purge') this.#rarities.bigDeletes++
      else if (job.kind !== 'trim') return
      else if (job.dataBytes < 0) this.#rarities.countingTrims++
      else this.#rarities.cuts++
    })
  }

  /** Runs `count` random operations. */
  async run(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      try {
        await this.#step()
        this.#afterStep()
      } catch (error) {
        if (error instanceof Error) error.message += `\nlast operations:\n${this.#log.slice(-12).join('\n')}`
        throw error
      }
    }
  }

  /** Closes what is open. */
  async closeAll(): Promise<void> {
    for (const opened of this.#opened.splice(0)) await this.#close(opened)
  }

  /** Closes what is open and waits for background work. */
  async settle(): Promise<void> {
    await this.closeAll()
    await this.#volume.core.jobs.idle()
  }

  /** Everything that is there, against the oracle; then the check of the volume itself. */
  async finish(): Promise<void> {
    for (const opened of this.#opened.splice(0)) await this.#close(opened)
    await this.compare()
    await this.#assertClean()
    expect(this.#volume.core.openFiles.size).toBe(0)
    await this.#volume.core.jobs.idle()
    const report = await this.#volume.fsck()
    const all = this.oracle.all()
    expect(report.findings).toEqual([])
    expect(report.counts).toMatchObject({
      inodes: all.length,
      directories: all.filter(({ kind }) => kind === 'directory').length,
      dirents: all.reduce((sum, { entries }) => sum + entries.size, 0),
      dataBytes: all.reduce((sum, node) => sum + node.allocated(), 0),
      xattrs: all.reduce((sum, { xattrs }) => sum + xattrs.size, 0),
      orphans: 0,
      jobs: 0,
    })
    await this.#volume.close()
  }

  async #assertClean(): Promise<void> {
    const report = await this.#volume.fsck()
    expect(report.findings).toEqual([])
    expect(report.clean).toBe(true)
  }

  async #step(): Promise<void> {
    const random = this.#random
    // A tree that only grows makes every look at all of it slower.
    if (this.#nodes.length > NODES_MANY && random.chance(0.2)) return this.#remove()
    if (this.#clones && random.chance(0.2)) return this.#copyRange()
    const roll = random.next()
    if (roll < 0.14) return this.#make()
    if (roll < 0.18) return this.#link()
    if (roll < 0.26) return this.#remove()
    if (roll < 0.34) return this.#rename()
    if (roll < 0.4) return this.#openOne()
    if (roll < 0.43) return this.#closeOne()
    if (roll < 0.62) return this.#write()
    if (roll < 0.7) return this.#truncate()
    if (roll < 0.75) return this.#fallocate()
    if (roll < 0.765) return this.#cutAgain()
    if (roll < 0.81) return this.#read()
    if (roll < 0.84) return this.#seek()
    if (roll < 0.88) return this.#xattr()
    if (roll < 0.92) return this.#setattr()
    if (roll < 0.95) return this.#lookup()
    if (roll < 0.975) return this.#list()
    if (roll < 0.984 && this.#below !== undefined) return this.compare()
    if (roll < 0.98) return this.#assertClean()
    if (roll < 0.984) return this.#reopen()
    return this.#compareNode(this.#anyNode())
  }

  /** Runs an operation and compares what comes of it with what the oracle says may come. */
  async #same<T, U>(what: string, expected: Outcome<U>, op: Op<T>): Promise<{ value: T; expected: U } | undefined> {
    this.#log.push(what)
    if (this.#log.length > 50) this.#log.splice(0, 25)
    let value: T
    try {
      value = await runAsync(op)
    } catch (error) {
      if (!FilesystemError.is(error)) throw error
      const allowed = expected.ok ? 'success' : [...expected.codes].join(' or ')
      if (expected.ok || !expected.codes.has(error.code)) {
        throw new Error(`${what}: ${error.code}, expected ${allowed}`, { cause: error })
      }
      this.#rarities.refusals++
      return undefined
    }
    if (!expected.ok) throw new Error(`${what}: succeeded, expected ${[...expected.codes].join(' or ')}`)
    return { value, expected: expected.value }
  }

  #who(): Who {
    return this.#random.pick(this.#people)
  }

  #anyNode(): Node {
    return this.#random.pick(this.#nodes)
  }

  #someOf(kind: Kind): Node {
    for (let n = 0; n < 6; n++) {
      const node = this.#anyNode()
      if (node.kind === kind && !(node.isGone && this.#random.chance(0.8))) return node
    }
    return this.#random.chance(0.9) && kind === 'directory' ? this.oracle.root : this.#anyNode()
  }

  #name(): string {
    const random = this.#random
    if (random.chance(0.97))
      return `${random.pick(['a', 'b', 'c', 'file', 'dir', 'x\xff', '\xe4\xf6'])}${random.upTo(3)}`
    return random.pick(['.', '..', '', 'a/b', 'a\0b', 'n'.repeat(255), 'n'.repeat(256), '...'])
  }

  /** A name that is there, mostly. */
  #nameIn(directory: Node): string {
    const names = [...directory.entries.keys()]
    return names.length > 0 && this.#random.chance(0.8) ? this.#random.pick(names) : this.#name()
  }

  #describe(node: Node): string {
    const { kind, mode, uid, nlink } = node
    return `${kind}#${this.#nodes.indexOf(node)} ${mode.toString(8)} uid ${uid} nlink ${nlink}${node.isGone ? ' gone' : ''}`
  }

  #add(node: Node, { handle }: Entry): void {
    node.handle = handle
    this.#nodes.push(node)
    if (this.#nodes.length > 400) this.#nodes = this.#nodes.filter((each) => !each.isGone)
  }

  async #make(): Promise<void> {
    const random = this.#random
    const who = this.#who()
    const directory = this.#someOf('directory')
    const name = this.#name()
    const kind: Kind = random.pick([
      'file',
      'file',
      'file',
      'directory',
      'directory',
      'symlink',
      'fifo',
      'socket',
      'char',
      'block',
    ])
    const mode = random.pick([0o644, 0o755, 0o700, 0o666, 0o777, 0o1777, 0o2775, 0o6755, 0o000])
    const target = kind === 'symlink' ? random.pick(['a0', '/', '../b1', 'x'.repeat(4095), 'x'.repeat(4096), '']) : ''
    const what = `make ${kind} ${JSON.stringify(name)} ${mode.toString(8)} in ${this.#describe(directory)} as ${who.uid}`
    const expected = this.oracle.make(who, directory, name, kind, mode, target)
    const args = { name: bytesOf(name), mode }
    const at = directory.handle
    let op: Op<Entry>
    if (kind === 'file') op = this.#fsal.create(who, at, args)
    else if (kind === 'directory') op = this.#fsal.mkdir(who, at, args)
    else if (kind === 'symlink') op = this.#fsal.symlink(who, at, { name: args.name, target: bytesOf(target) })
    else op = this.#fsal.mknode(who, at, { name: args.name, mode: KIND_BITS[kind] | mode, rdevMajor: 8, rdevMinor: 1 })
    const done = await this.#same(what, expected, op)
    if (done === undefined) return
    this.#add(done.expected, done.value)
    await this.#compareNode(done.expected)
  }

  async #link(): Promise<void> {
    const who = this.#who()
    const node = this.#anyNode()
    const directory = this.#someOf('directory')
    const name = this.#name()
    const what = `link ${this.#describe(node)} as ${JSON.stringify(name)} in ${this.#describe(directory)} as ${who.uid}`
    const expected = this.oracle.link(who, node, directory, name)
    const op = this.#fsal.link(who, node.handle, { directory: directory.handle, name: bytesOf(name) })
    if ((await this.#same(what, expected, op)) !== undefined) await this.#compareNode(node)
  }

  async #remove(): Promise<void> {
    const who = this.#who()
    const directory = this.#someOf('directory')
    const name = this.#nameIn(directory)
    const isDirectory = directory.entries.get(name)?.kind === 'directory'
    const useRmdir = this.#random.chance(0.9) ? isDirectory : !isDirectory
    const what = `${useRmdir ? 'rmdir' : 'unlink'} ${JSON.stringify(name)} in ${this.#describe(directory)} as ${who.uid}`
    const expected = useRmdir ? this.oracle.rmdir(who, directory, name) : this.oracle.unlink(who, directory, name)
    const args = { name: bytesOf(name) }
    const op = useRmdir ? this.#fsal.rmdir(who, directory.handle, args) : this.#fsal.unlink(who, directory.handle, args)
    const done = await this.#same(what, expected, op)
    if (done === undefined) return
    if (done.expected.nlink === 0 && done.expected.opens > 0) this.#rarities.orphans++
    await this.#compareNode(done.expected)
  }

  async #rename(): Promise<void> {
    const random = this.#random
    const who = this.#who()
    const from = this.#someOf('directory')
    const to = random.chance(0.4) ? from : this.#someOf('directory')
    const name = this.#nameIn(from)
    const toName = random.chance(0.5) ? this.#nameIn(to) : this.#name()
    const flags = random.pick([
      {},
      {},
      {},
      { noReplace: true },
      { exchange: true },
      { exchange: true },
      { noReplace: true, exchange: true },
    ])
    const what = `rename ${JSON.stringify(name)} in ${this.#describe(from)} to ${JSON.stringify(toName)} in ${this.#describe(to)} ${JSON.stringify(flags)} as ${who.uid}`
    const expected = this.oracle.rename(who, from, name, to, toName, flags)
    const args = { name: bytesOf(name), toDirectory: to.handle, toName: bytesOf(toName), flags }
    await this.#same(what, expected, this.#fsal.rename(who, from.handle, args))
  }

  async #openOne(
    node = this.#random.chance(0.8) ? this.#someOf('file') : this.#anyNode(),
    who = this.#who(),
  ): Promise<void> {
    if (this.#opened.length >= FILES_OPEN_MAX) return this.#closeOne()
    const [access, read, write] = this.#random.pick([
      [constants.O_RDONLY, true, false],
      [constants.O_WRONLY, false, true],
      [constants.O_RDWR, true, true],
      [constants.O_RDWR, true, true],
    ] as const)
    const truncates = this.#random.chance(0.1)
    const appends = this.#random.chance(0.3)
    const flags = access | (truncates ? constants.O_TRUNC : 0) | (appends ? constants.O_APPEND : 0)
    const what = `open ${this.#describe(node)} flags ${flags} as ${who.uid}`
    const expected = this.oracle.open(who, node, read, write, truncates)
    const done = await this.#same(what, expected, this.#fsal.open(who, node.handle, { flags }))
    if (done !== undefined) this.#opened.push({ file: done.value, node, who })
  }

  async #closeOne(): Promise<void> {
    if (this.#opened.length === 0) return
    const [opened] = this.#opened.splice(this.#random.upTo(this.#opened.length), 1)
    await this.#close(opened)
    await this.#compareNode(opened.node)
  }

  async #close({ file, node }: Opened): Promise<void> {
    this.#log.push(`close ${this.#describe(node)}`)
    this.oracle.close(node)
    await runAsync(this.#fsal.close(file))
  }

  #openedFile(can: 'canRead' | 'canWrite'): Opened | undefined {
    const usable = this.#opened.filter(({ file, node }) => file[can] && node.kind === 'file')
    // The same few files again and again: that is how tails and epochs pile up.
    return usable.length === 0
      ? undefined
      : usable[Math.min(this.#random.upTo(usable.length), this.#random.upTo(usable.length))]
  }

  /** Where a write of `length` may begin in a file of `size`; some are of whole pages of extents of 4 KiB. */
  #place(size: number, length: number): number {
    const random = this.#random
    const end = Math.min(size, WRITE_END_MAX - length)
    if (length % PAGE_BYTES === 0 && random.chance(0.7)) return random.upTo(Math.floor(end / PAGE_BYTES)) * PAGE_BYTES
    return random.upTo(end + (random.chance(0.3) ? 50_000 : 1))
  }

  async #write(): Promise<void> {
    const random = this.#random
    const opened = this.#openedFile('canWrite')
    if (opened === undefined) return this.#openOne()
    const { file, node, who } = opened
    const times = random.chance(0.25) ? 40 : 1
    for (let n = 0; n < times; n++) {
      const appends = file.append || times > 1 || random.chance(0.3)
      let length = random.pick([1, 10, 100, 100, 256, 512, 1024, 4096, 5000, 20_000])
      if (times > 1) length = 100
      else if (random.chance(0.08)) length = 300_000 + random.upTo(200_000)
      const offset = appends ? node.size : this.#place(node.size, length)
      if (offset + length > WRITE_END_MAX) return this.#truncate(node, random.upTo(10_000))
      const data = random.bytes(length)
      const what = `write ${length} at ${appends ? 'the end' : offset} of ${this.#describe(node)} size ${node.size}`
      this.oracle.write(who, node, offset, data)
      const op = this.#fsal.write(who, node.handle, { offset: appends ? null : offset, data, file })
      const done = await this.#same(what, { ok: true, value: undefined }, op)
      expect(done?.value).toEqual({ bytes: length, end: offset + length })
    }
    await this.#compareNode(node)
    await this.#probe(node)
  }

  /** copy_file_range and FICLONERANGE: what is shared keeps its holes, what is copied has none. */
  async #copyRange(): Promise<void> {
    const random = this.#random
    const files = this.#nodes.filter(({ kind, isGone }) => kind === 'file' && !isGone)
    if (files.length === 0) return this.#make()
    const [source, target] = [random.pick(files.filter(({ size }) => size > 0).concat(files[0])), random.pick(files)]
    const flags = constants.O_RDWR
    const from = { node: source, file: await runAsync(this.#fsal.open(superuser, source.handle, { flags })) }
    const to = {
      node: target,
      file: await runAsync(this.#fsal.open(superuser, target.handle, { flags })),
      who: superuser,
    }
    try {
      await this.#copyBetween(from, to)
    } finally {
      await runAsync(this.#fsal.close(from.file))
      await runAsync(this.#fsal.close(to.file))
    }
  }

  async #copyBetween(from: Omit<Opened, 'who'>, to: Opened): Promise<void> {
    const random = this.#random
    const { extentBytes } = this.#volume.core.superblock
    const place = (size: number): number => {
      const at = random.upTo(Math.min(size, WRITE_END_MAX / 2) + 1)
      return random.chance(0.7) ? at - (at % extentBytes) : at
    }
    const whole = random.chance(0.4)
    const offset = whole ? 0 : place(from.node.size)
    const toOffset = whole ? 0 : random.chance(0.2) ? offset : place(to.node.size + 20_000)
    const most = Math.max(0, WRITE_END_MAX - toOffset)
    const length = Math.min(most, whole ? Math.max(1, from.node.size) : random.pick([100, 4096, 9000, 40_000, 300_000]))
    const what = `copy ${length} at ${offset} of ${this.#describe(from.node)} size ${from.node.size} to ${toOffset} of ${this.#describe(to.node)} size ${to.node.size}`
    const share = random.chance(0.15) ? 'never' : 'auto'
    const overlaps = from.node === to.node && offset < toOffset + length && toOffset < offset + length
    const room = Math.min(length, Math.max(0, from.node.size - offset), share === 'never' ? 4 * MIB : length)
    const isCongruent = share !== 'never' && offset % extentBytes === toOffset % extentBytes
    const head = isCongruent ? Math.min(room, (extentBytes - (offset % extentBytes)) % extentBytes) : 0
    let shared = isCongruent ? room - head : 0
    if (offset + room !== from.node.size || toOffset + room < to.node.size) shared -= shared % extentBytes
    if (shared < Math.min(extentBytes, 16_384)) shared = 0
    const op = this.#fsal.copyRange(to.who, { file: from.file, offset, to: to.file, toOffset, length, share })
    const expected: Outcome<number> = overlaps ? { ok: false, codes: new Set(['EINVAL']) } : { ok: true, value: room }
    const done = await this.#same(what, expected, op)
    if (done === undefined) return
    expect(done.value, what).toBe(room)
    if (room > 0) {
      const data = this.oracle.read(from.node, offset, room)
      const mask = Buffer.alloc(shared)
      mask.set(from.node.mask.subarray(offset + head, offset + head + shared))
      this.oracle.write(to.who, to.node, toOffset, data)
      to.node.mask.set(mask, toOffset + head)
    }
    if (shared > 0) this.#rarities.shared++
    await this.#compareNode(from.node)
    await this.#compareNode(to.node)
    if (random.chance(0.3)) await this.#compareContent(to.node)
    await this.#probe(to.node)
  }

  async #truncate(node?: Node, size?: number, compares = true): Promise<void> {
    const random = this.#random
    const who = node === undefined ? this.#who() : this.#people[0]
    const opened = this.#openedFile('canWrite')
    const which = node ?? (opened !== undefined && random.chance(0.8) ? opened.node : this.#someOf('file'))
    const length =
      size ??
      random.pick([
        () => 0,
        () => random.upTo(Math.min(which.size, WRITE_END_MAX) + 1),
        () => Math.max(0, Math.min(which.size, WRITE_END_MAX) - random.upTo(20_000)),
        () => Math.max(0, Math.min(which.size, WRITE_END_MAX) - random.upTo(20_000)),
        () => Math.floor(Math.min(which.size, WRITE_END_MAX) / 4096) * 4096,
        () => which.size + random.upTo(300_000),
        () => (random.chance(0.1) ? 2 ** 40 + random.upTo(1000) : which.size),
      ])()
    const what = `truncate ${this.#describe(which)} from ${which.size} to ${length} as ${who.uid}`
    const expected = this.oracle.setattr(who, which, { size: length })
    await this.#same(what, expected, this.#fsal.setattr(who, which.handle, { size: length }))
    if (compares) await this.#compareNode(which)
    await this.#probe(which)
  }

  /** Grows one file far and cuts it back, over and over: data epochs pile up until the oldest are merged. */
  async #cutAgain(): Promise<void> {
    const opened = this.#opened.find(({ file, node }) => file.canWrite && !file.append && node.size > 20_000)
    if (opened === undefined) return this.#write()
    return this.#pileUp(opened, 1 + this.#random.upTo(8))
  }

  async #pileUp({ file, node, who }: Opened, times: number): Promise<void> {
    const random = this.#random
    for (let n = 0; n < times; n++) {
      const keep = 4096 + random.upTo(Math.min(node.size, 200_000))
      const offset = keep + random.upTo(600_000)
      const data = random.bytes(random.pick([100, 3000, 9000]))
      this.oracle.write(who, node, offset, data)
      const op = this.#fsal.write(who, node.handle, { offset, data, file })
      await this.#same(
        `write ${data.length} at ${offset} of ${this.#describe(node)}`,
        { ok: true, value: undefined },
        op,
      )
      if (random.chance(0.3)) {
        // A partial row on a base of an older epoch.
        const small = random.bytes(50)
        const near = random.upTo(keep)
        this.oracle.write(who, node, near, small)
        await runAsync(this.#fsal.write(who, node.handle, { offset: near, data: small, file }))
      }
      // Half of the time the trim is still under way when the next cut comes.
      await this.#truncate(node, keep, random.chance(0.5))
    }
  }

  /** What chance may have left out: many cuts of one file, a removal of a big one, of an open one, a reopening. */
  async meetRarePaths(cuts = 24): Promise<void> {
    const { root } = this.oracle
    const [who] = this.#people
    for (const name of ['rare-one', 'rare-two']) {
      const made = this.oracle.make(who, root, name, 'file', 0o600)
      const done = await this.#same(
        `create ${name}`,
        made,
        this.#fsal.create(who, root.handle, { name: bytesOf(name), mode: 0o600 }),
      )
      if (done === undefined) return
      const node = done.expected
      this.#add(node, done.value)
      this.oracle.open(who, node, true, true, false)
      const file = await runAsync(this.#fsal.open(who, node.handle, { flags: constants.O_RDWR }))
      const opened = { file, node, who }
      this.#opened.push(opened)
      const data = this.#random.bytes(500_000)
      this.oracle.write(who, node, 0, data)
      await runAsync(this.#fsal.write(who, node.handle, { offset: 0, data, file }))
      await this.#truncate(node, 150_000)
      await this.#pileUp(opened, cuts)
      await this.#compareContent(node)
    }
    const gone = this.oracle.unlink(who, root, 'rare-two')
    await this.#same('unlink rare-two', gone, this.#fsal.unlink(who, root.handle, { name: bytesOf('rare-two') }))
    this.#rarities.orphans++
    await this.#assertClean()
    await this.#reopen()
  }

  async #fallocate(): Promise<void> {
    const random = this.#random
    const who = this.#who()
    const node = this.#openedFile('canWrite')?.node ?? this.#someOf('file')
    if (node.kind !== 'file' || node.isGone) return
    if (who.uid !== 0 && who.uid !== node.uid && !may(who, node, 2)) return
    const mode = random.pick(['punch', 'punch', 'zero', 'allocate'] as const)
    const keepSize = random.chance(0.5)
    const offset = random.upTo(Math.min(node.size, WRITE_END_MAX) + 2000)
    const length = 1 + random.upTo(random.pick([10, 500, 5000, 100_000]))
    const what = `${mode} ${offset}+${length} of ${this.#describe(node)} size ${node.size} keepSize ${keepSize}`
    if (mode !== 'allocate') this.oracle.erase(node, offset, length)
    if (mode !== 'punch' && !keepSize) this.oracle.grow(node, offset + length)
    this.oracle.fallocated(who, node)
    const op = this.#fsal.fallocate(who, node.handle, { mode, offset, length, keepSize })
    await this.#same(what, { ok: true, value: undefined }, op)
    await this.#compareNode(node)
    await this.#probe(node)
  }

  async #read(): Promise<void> {
    const random = this.#random
    const opened = this.#openedFile('canRead')
    if (opened === undefined) return this.#openOne()
    const { file, node, who } = opened
    const offset = random.upTo(Math.min(node.size, WRITE_END_MAX) + 100)
    const into = random.bytes(random.pick([1, 100, 4096, 10_000, 200_000]))
    const expected = this.oracle.read(node, offset, into.length)
    const what = `read ${into.length} at ${offset} of ${this.#describe(node)} size ${node.size}`
    const done = await this.#same(
      what,
      { ok: true, value: 0 },
      this.#fsal.read(who, node.handle, { offset, into, file }),
    )
    expect(done?.value).toBe(expected.length)
    if (into.compare(expected, 0, expected.length, 0, expected.length) !== 0) throw new Error(`${what}: other bytes`)
  }

  async #seek(): Promise<void> {
    const random = this.#random
    const node = this.#openedFile('canRead')?.node ?? this.#someOf('file')
    if (node.kind !== 'file' || node.isGone) return
    const what = random.pick(['data', 'hole'] as const)
    const offset = random.upTo(Math.min(node.size, WRITE_END_MAX) + 10)
    const expected = this.oracle.seek(node, what, offset)
    const text = `seek ${what} from ${offset} in ${this.#describe(node)} size ${node.size}`
    const done = await this.#same(text, expected, this.#fsal.seek(superuser, node.handle, { what, offset }))
    if (done !== undefined) expect(done.value, text).toBe(done.expected)
  }

  async #xattr(): Promise<void> {
    const random = this.#random
    const node = this.#anyNode()
    if (node.isGone || (node.kind !== 'file' && node.kind !== 'directory')) return
    const name = random.pick(['user.a', 'user.b', 'trusted.c'])
    const before = node.xattrs.get(name)
    const handle = node.handle
    const args = { name: bytesOf(name) }
    if (random.chance(0.6)) {
      const value = random.bytes(random.pick([0, 1, 100, 5000]))
      const mode = random.pick(['any', 'any', 'create', 'replace'] as const)
      const code = mode === 'create' && before ? 'EEXIST' : mode === 'replace' && !before ? 'ENODATA' : undefined
      const expected: Outcome<void> =
        code === undefined ? { ok: true, value: undefined } : { ok: false, codes: new Set([code]) }
      const op = this.#fsal.setxattr(superuser, handle, { ...args, value, mode })
      if ((await this.#same(`setxattr ${name} ${mode} of ${this.#describe(node)}`, expected, op)) !== undefined)
        node.xattrs.set(name, value)
    } else if (random.chance(0.5)) {
      const expected: Outcome<void> = before
        ? { ok: true, value: undefined }
        : { ok: false, codes: new Set(['ENODATA']) }
      await this.#same(
        `removexattr ${name} of ${this.#describe(node)}`,
        expected,
        this.#fsal.removexattr(superuser, handle, args),
      )
      node.xattrs.delete(name)
    } else {
      const names = await runAsync(this.#fsal.listxattr(superuser, handle, undefined))
      expect(names.map(String).sort()).toEqual([...node.xattrs.keys()].sort())
      for (const [each, value] of node.xattrs) {
        expect(await runAsync(this.#fsal.getxattr(superuser, handle, { name: bytesOf(each) }))).toEqual(value)
      }
    }
  }

  async #setattr(): Promise<void> {
    const random = this.#random
    const who = this.#who()
    const node = this.#anyNode()
    if (node.kind === 'symlink') return
    const someone = random.pick(this.#people)
    const changes = random.pick<{ mode?: number; uid?: number; gid?: number }>([
      { mode: random.pick([0o644, 0o755, 0o777, 0o4755, 0o2755, 0o1777, 0o600, 0o000]) },
      { mode: 0o777 },
      { uid: someone.uid },
      { gid: someone.gid },
      { uid: someone.uid, gid: someone.gid, mode: 0o6770 },
    ])
    const what = `setattr ${JSON.stringify(changes)} of ${this.#describe(node)} as ${who.uid}`
    const expected = this.oracle.setattr(who, node, changes)
    await this.#same(what, expected, this.#fsal.setattr(who, node.handle, changes))
    await this.#compareNode(node)
  }

  async #lookup(): Promise<void> {
    const who = this.#who()
    const directory = this.#someOf('directory')
    const name = this.#nameIn(directory)
    const expected = this.oracle.lookup(who, directory, name)
    const what = `lookup ${JSON.stringify(name)} in ${this.#describe(directory)} as ${who.uid}`
    const done = await this.#same(what, expected, this.#fsal.lookup(who, directory.handle, { name: bytesOf(name) }))
    if (done !== undefined) expect(Buffer.from(done.value.handle)).toEqual(Buffer.from(done.expected.handle))
  }

  /** Lists in small pages while entries come and go: what was there all the time is listed exactly once. */
  async #list(): Promise<void> {
    const random = this.#random
    const directory = this.#someOf('directory')
    if (directory.isGone || directory.kind !== 'directory') return
    const before = new Map(directory.entries)
    const touched = new Set<string>()
    const listed: string[] = []
    for (let cookie = 0n, eof = false; !eof; ) {
      const page = await runAsync(
        this.#fsal.readdir(superuser, directory.handle, { cookie, limit: 1 + random.upTo(4) }),
      )
      for (const line of page.lines) {
        listed.push(line.name.toString('latin1'))
        cookie = line.cookie
      }
      eof = page.eof
      if (directory.nlink > 0 && random.chance(0.4)) {
        const name = `${this.#random.pick(['t', 'u', 'v'])}${random.upTo(20)}`
        touched.add(name)
        if (directory.entries.has(name)) {
          if (directory.entries.get(name)?.kind === 'directory') continue
          const gone = this.oracle.unlink(superuser, directory, name)
          await this.#same(
            `unlink ${name} while listing`,
            gone,
            this.#fsal.unlink(superuser, directory.handle, { name: bytesOf(name) }),
          )
        } else {
          const made = this.oracle.make(superuser, directory, name, 'file', 0o600)
          const done = await this.#same(
            `create ${name} while listing`,
            made,
            this.#fsal.create(superuser, directory.handle, { name: bytesOf(name), mode: 0o600 }),
          )
          if (done !== undefined) this.#add(done.expected, done.value)
        }
      }
    }
    const steady = [...before.keys()].filter((name) => !touched.has(name))
    expect(listed.filter((name) => !touched.has(name)).sort()).toEqual(steady.sort())
    expect(new Set(listed).size).toBe(listed.length)
  }

  async #reopen(): Promise<void> {
    for (const opened of this.#opened.splice(0)) await this.#close(opened)
    this.#log.push('reopen')
    await this.#volume.close()
    await this.#mount()
    this.#rarities.reopens++
    await this.#assertClean()
  }

  /** What rare states the content of a file is in. */
  async #probe(node: Node): Promise<void> {
    if (node.isGone || node.kind !== 'file') return
    const ino = Number(Buffer.from(node.handle).readBigUInt64BE(20))
    const inode: Inode | undefined = await runAsync(this.#volume.core.read(superuser, (call) => call.find(ino)))
    if (inode === undefined) return
    const epochs = inode.epochs.length
    const before = this.#epochCounts.get(node) ?? 0
    this.#rarities.epochsMax = Math.max(this.#rarities.epochsMax, epochs)
    // A cut adds an epoch; at the limit an old one was merged away first.
    if (epochs === before && epochs === 16 && inode.nextEpoch > 16) this.#rarities.consolidations++
    this.#epochCounts.set(node, epochs)
    if (inode.tails.some(({ mids }) => mids > 0)) this.#rarities.mids++
    if ((inode.flags & InodeFlag.paged) !== 0) this.#rarities.pages++
  }

  async #compareNode(node: Node): Promise<void> {
    const op = this.#fsal.getattr(superuser, node.handle, undefined)
    if (node.isGone) {
      // Not `.rejects`: vitest keeps the stack of each such assertion, and all that the stack speaks of, until the test is over.
      const code = await runAsync(op).then(
        () => 'found',
        (error) => error.code,
      )
      expect(code, this.#describe(node)).toBe('ESTALE')
      return
    }
    let attributes = await runAsync(op)
    const blocks = Math.ceil(node.allocated() / 512)
    if (attributes.blocks > blocks) {
      // Bytes that a truncate hid without counting them stay in the count until the trim has been there (I4).
      await this.#volume.core.jobs.idle()
      attributes = await runAsync(this.#fsal.getattr(superuser, node.handle, undefined))
    }
    expect(attributes, this.#describe(node)).toMatchObject({
      mode: KIND_BITS[node.kind] | node.mode,
      uid: node.uid,
      gid: node.gid,
      nlink: node.nlink,
      size: node.kind === 'directory' ? node.entries.size * 32 : node.size,
      blocks,
    })
  }

  /** The whole tree, by listing, against the oracle's. */
  async compare(): Promise<void> {
    const inos = new Map<number, Node>()
    const visit = async (node: Node, handle: Uint8Array): Promise<void> => {
      await this.#compareNode(node)
      const ino = Number(Buffer.from(handle).readBigUInt64BE(20))
      expect(inos.get(ino) ?? node).toBe(node)
      if (inos.has(ino)) return
      inos.set(ino, node)
      if (node.kind === 'file') await this.#compareContent(node)
      if (node.kind === 'symlink') {
        const target = await runAsync(this.#fsal.readlink(superuser, handle, undefined))
        expect(target.toString('latin1')).toBe(node.target)
      }
      if (node.kind !== 'directory') return
      const { lines } = await runAsync(this.#fsal.readdir(superuser, handle, { cookie: 0n, limit: 10_000, plus: true }))
      expect(lines.map(({ name }) => name.toString('latin1')).sort()).toEqual([...node.entries.keys()].sort())
      for (const { name, entry } of lines) await visit(node.entries.get(name.toString('latin1'))!, entry!.handle)
    }
    await visit(this.oracle.root, this.oracle.root.handle)
  }

  async #compareContent(node: Node): Promise<void> {
    const length = Math.min(node.size, WRITE_END_MAX + 1000)
    const into = Buffer.alloc(length, 7)
    const bytes = await runAsync(this.#fsal.read(superuser, node.handle, { offset: 0, into }))
    expect(bytes).toBe(length)
    if (!into.equals(this.oracle.read(node, 0, length))) throw new Error(`other bytes in ${this.#describe(node)}`)
  }
}

function watchJobs(core: Core, seen: (job: Job) => void): void {
  const isWatched = watched.has(core)
  watched.set(core, seen)
  if (isWatched) return
  const start = core.jobs.start.bind(core.jobs)
  core.jobs.start = (id, job) => {
    watched.get(core)?.(job)
    start(id, job)
  }
}

/** Who hears of the jobs of a core: the last driver that works on it, and none before it is kept. */
const watched = new WeakMap<Core, (job: Job) => void>()
