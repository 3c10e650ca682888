/**
 * Inodes whose own row is lost, but whose content or entries are there: what can be said of them again.
 */
import { S_IFDIR, S_IFREG } from '../core/mode.ts'
import type { Segments } from '../format/extent.ts'
import {
  type DataEpoch,
  EPOCHS_MAX,
  encodeInode,
  type Inode,
  InodeFlag,
  NO_CUT,
  TAILS_MAX,
  type Tail,
} from '../format/inode.ts'
import { BASE_PART, COVER_PART, type ExtentKeyParts, inodeKey, PARTS_PER_TIER } from '../format/keys.ts'
import type { Place } from '../format/loan.ts'
import type { Census, Node } from './census.ts'
import type { Fix } from './finding.ts'

interface Traces {
  readonly epochs: Set<number>
  readonly tails: Map<number, { epoch: number; smalls: number; mids: number; bytes: number }>
  size: number
  isPaged: boolean
  isSharer: boolean
}

const NO_BYTES = Buffer.alloc(0)

export class Salvage {
  readonly #census: Census
  readonly #traces = new Map<number, Traces>()

  constructor(census: Census) {
    this.#census = census
  }

  /** Takes note of a row of content; false when the inode is nobody's any more, or is being deleted. */
  add(node: Node, at: ExtentKeyParts, segments: Segments | undefined): boolean {
    const jobs = this.#census.jobsOf(node.ino)
    if (jobs.some(({ job }) => job.kind === 'purge')) return false
    if (node.row === 'missing' && node.names === 0) return false
    if (jobs.some(({ job }) => job.kind === 'trim' && job.epoch === at.epoch && job.from <= at.index)) return false
    let traces = this.#traces.get(node.ino)
    if (traces === undefined) {
      traces = { epochs: new Set(), tails: new Map(), size: 0, isPaged: false, isSharer: false }
      this.#traces.set(node.ino, traces)
    }
    traces.epochs.add(at.epoch)
    for (const { offset, length, data } of segments ?? []) {
      if (data === undefined) continue
      traces.size = Math.max(traces.size, at.index * node.extentBytes + offset + length)
    }
    if (at.part >= COVER_PART) traces.isPaged = true
    else if (at.part !== BASE_PART) {
      let tail = traces.tails.get(at.index)
      if (tail?.epoch !== at.epoch) {
        tail = { epoch: at.epoch, smalls: 0, mids: 0, bytes: 0 }
        traces.tails.set(at.index, tail)
      }
      if (at.part <= PARTS_PER_TIER) tail.mids = at.part
      else tail.smalls = at.part - PARTS_PER_TIER
      for (const { length } of segments ?? []) tail.bytes += length
    }
    return true
  }

  /** As `add`, of a reference to so many bytes. */
  addReference(node: Node, { ino, epoch, index }: Place, length: number): boolean {
    const segment = { offset: 0, length, data: NO_BYTES }
    if (!this.add(node, { ino, epoch, index, part: BASE_PART }, [segment])) return false
    this.#traces.get(node.ino)!.isSharer = true
    return true
  }

  /** Whether a new inode row brings anything back: content, entries, or at least an empty file under its name. */
  has(node: Node): boolean {
    if (this.#traces.has(node.ino) || node.entries > 0) return true
    return node.row === 'damaged' && node.names > 0 && (node.type === S_IFDIR || node.type === S_IFREG)
  }

  /** A new row for an inode: readable by the superuser only, as nobody knows whose it was. */
  restore(node: Node): Fix {
    const traces = this.#traces.get(node.ino)
    const isDirectory = node.entries > 0 || (traces === undefined && node.type === S_IFDIR)
    const epochs = isDirectory || traces === undefined ? [] : this.#epochsOf(node, traces)
    const tails: Tail[] = []
    for (const [index, { epoch, ...tail }] of traces?.tails ?? []) {
      if (epoch === epochs[0]?.epoch && tails.length < TAILS_MAX) tails.push({ index, ...tail })
    }
    return function* (call) {
      const root = yield* call.referenced(call.core.superblock.rootIno)
      const { now } = call
      const inode: Inode = {
        ...root,
        ino: node.ino,
        mode: isDirectory ? S_IFDIR | 0o700 : S_IFREG | 0o600,
        uid: 0,
        gid: 0,
        flags: (traces?.isPaged ? InodeFlag.paged : 0) | (traces?.isSharer ? InodeFlag.shares : 0),
        nlink: isDirectory ? 2 + node.subdirectories : Math.max(1, node.names),
        size: isDirectory ? 0 : (traces?.size ?? 0),
        // Counted by the next pass.
        allocatedBytes: 0,
        atime: now,
        mtime: now,
        ctime: now,
        birthtime: now,
        change: 1,
        parent: isDirectory ? node.namedIn : 0,
        extentBytes: node.extentBytes,
        nextEpoch: epochs.length === 0 ? 0 : epochs[0].epoch + 1,
        entries: node.entries,
        xattrs: node.xattrs,
        epochs,
        tails,
        target: Buffer.alloc(0),
      }
      const key = inodeKey(node.ino)
      call.tx.put(key, encodeInode(key, inode))
    }
  }

  #epochsOf(node: Node, traces: Traces): DataEpoch[] {
    const epochs = [...traces.epochs].sort((a, b) => b - a).slice(0, EPOCHS_MAX - 1)
    const trims = this.#census.jobsOf(node.ino)
    const ends = epochs.map((epoch) => {
      let end = NO_CUT
      for (const { job } of trims) if (job.kind === 'trim' && job.epoch === epoch) end = Math.min(end, job.from)
      return { epoch, end }
    })
    for (let i = 1; i < ends.length; i++) ends[i].end = Math.min(ends[i].end, ends[i - 1].end)
    if (ends[0].end !== NO_CUT) ends.unshift({ epoch: epochs[0] + 1, end: NO_CUT })
    return ends
  }
}
