/**
 * Extents against the inodes they belong to (format/inode.ts I1-I6). Rows come in key order: by inode, data epoch
 * (oldest first), index, part. What is visible is folded with `applyExtent`, as reading does it.
 */
import type { Core } from '../core/core.ts'
import { S_IFREG } from '../core/mode.ts'
import { allocatedBytes, applyExtent, decodeExtent, type Segments } from '../format/extent.ts'
import type { Tail } from '../format/inode.ts'
import type { ContentJob } from '../format/job.ts'
import { BASE_PART, type ExtentKeyParts, PARTS_PER_TIER, parseExtentKey } from '../format/keys.ts'
import type { Place } from '../format/loan.ts'
import { type Op, runAsync } from '../op.ts'
import type { Row } from '../store/store.ts'
import type { Census, Node } from './census.ts'
import { dropRow } from './drop-row.ts'
import { isBasePart, PagedExtent, readableBase } from './paged-extent.ts'
import { addPurge, addTrim, clip, readablePlace, rewriteExtent } from './repair-content.ts'
import type { Salvage } from './salvage.ts'
import { SparseBitmap } from './sparse-bitmap.ts'
import { hexOf } from './system-rows.ts'

/** An extent with partial rows, gathered over the epochs. */
interface Tailed {
  readonly tail: Tail
  base: Segments | undefined
  readonly parts: Segments[]
  /** Parts that cannot be read. */
  broken: number
}

/** Parts of one hidden extent, counted together as the trim will count them. */
interface HiddenExtent {
  readonly epoch: number
  readonly index: number
  readonly parts: Segments[]
}

const isNamed = ({ mids, smalls }: Tail, part: number): boolean =>
  part <= PARTS_PER_TIER ? part <= mids : part - PARTS_PER_TIER <= smalls

/** Whether a job has still to deal with a row. */
const isAhead = (job: ContentJob, at: ExtentKeyParts, key: Uint8Array): boolean =>
  (job.kind === 'purge' || (job.epoch === at.epoch && job.from <= at.index)) &&
  (job.after === undefined || Buffer.compare(key, job.after) > 0)

export class ContentRows {
  readonly #census: Census
  readonly #salvage: Salvage
  #node: Node | undefined
  #tailed = new Map<number, Tailed>()
  #hidden: HiddenExtent | undefined
  #paged: PagedExtent | undefined
  /** Extents with a visible base row, where a newer one could hide it. */
  #bases: SparseBitmap | undefined
  /** Extents of which the inode let go, and that it would see again if nothing were in front of them. */
  readonly #letGo = new Set<number>()
  /** Extents with partial rows on what another place holds. */
  readonly #borrowed: {
    readonly node: Node
    readonly index: number
    readonly origin: Place
    readonly parts: Segments[]
  }[] = []
  readonly #strayEpochs = new Set<number>()
  readonly #tailsSeen = new Set<number>()
  readonly #shadows: { node: Node; at: ExtentKeyParts }[] = []
  /** Data bytes in all rows so far. */
  bytes = 0

  constructor(census: Census, salvage: Salvage) {
    this.#census = census
    this.#salvage = salvage
  }

  visit(row: Row): void {
    const { findings, counts } = this.#census
    const at = parseExtentKey(row.key)
    if (at === undefined) {
      findings.add('ROW_UNKNOWN', undefined, `a row of no known kind, key ${hexOf(row.key)}`)
      return
    }
    counts.extents++
    if (this.#node?.ino !== at.ino) {
      this.#finishInode()
      this.#begin(this.#census.node(at.ino))
    }
    const node = this.#node!
    const verdict = decodeExtent(row.key, row.value)
    const segments = verdict.ok ? verdict.value : undefined
    if (segments !== undefined) this.bytes += allocatedBytes(segments)
    const { sharing } = this.#census
    if (!sharing.meet(node, row, segments)) {
      if (sharing.hidesOnly(node, at)) this.#letGo.add(at.index)
      return
    }
    const epoch = node.epochs.find((each) => each.epoch === at.epoch)
    if (node.row !== 'sound' && this.#salvage.add(node, at, segments)) {
      if (segments === undefined) this.#visitDamaged(node, at, row, 'content of a lost inode')
    } else if (node.type !== S_IFREG || epoch === undefined || at.index >= epoch.end) {
      this.#visitHidden(node, at, row, segments, epoch !== undefined)
    } else if (node.isPaged && isBasePart(at.part) && (verdict.ok || at.part !== BASE_PART)) {
      this.#visitPaged(node, at, row, segments)
    } else if (!verdict.ok) {
      this.#visitDamaged(node, at, row, verdict.fault)
    } else if (at.part === BASE_PART) {
      this.#visitBase(node, at, verdict.value)
    } else {
      this.#visitPart(node, at, row, verdict.value)
    }
  }

  #begin(node: Node): void {
    this.#node = node
    if (node.tails.length > 0) this.#tailsSeen.add(node.ino)
    this.#tailed = new Map(node.tails.map((tail) => [tail.index, { tail, base: undefined, parts: [], broken: 0 }]))
    this.#bases = node.epochs.length > 1 || node.isSharer ? new SparseBitmap() : undefined
    for (const index of this.#census.sharing.indexesOf(node.ino)) this.#bases?.add(index)
    this.#letGo.clear()
    this.#strayEpochs.clear()
  }

  /** A row that no read sees: some job must be about to delete it. */
  #visitHidden(node: Node, at: ExtentKeyParts, row: Row, segments: Segments | undefined, isCounted: boolean): void {
    const { findings } = this.#census
    const pending = this.#census.jobsOf(node.ino).find(({ job }) => isAhead(job, at, row.key))
    if (pending === undefined) {
      if (!this.#census.snapshots.sees(row.key)) this.#visitStray(node, at)
      return
    }
    if (segments === undefined) {
      // A counting trim would stumble over it.
      const message = `a row that waits for its deletion is damaged, key ${hexOf(row.key)}`
      findings.add('ROW_DAMAGED', node.ino, message, 'rows', dropRow(row))
      return
    }
    const { job } = pending
    if (node.row !== 'sound' || !isCounted || job.kind !== 'trim' || job.dataBytes >= 0) return
    if (job.to !== undefined && at.index >= job.to) return
    if (this.#hidden?.epoch !== at.epoch || this.#hidden.index !== at.index) this.#finishHidden()
    this.#hidden ??= { epoch: at.epoch, index: at.index, parts: [] }
    this.#hidden.parts.push(segments)
  }

  #visitStray(node: Node, at: ExtentKeyParts): void {
    const { findings } = this.#census
    if (node.row === 'missing') {
      if (this.#strayEpochs.size > 0) return
      this.#strayEpochs.add(at.epoch)
      const message = 'content of an inode that is gone, and no job deletes it'
      findings.add('EXTENT_STRAY', node.ino, message, 'rows', addPurge(node.ino))
      return
    }
    if (this.#strayEpochs.has(at.epoch)) return
    this.#strayEpochs.add(at.epoch)
    const message = `content of data epoch ${at.epoch} from extent ${at.index} on is hidden, and no job deletes it`
    findings.add('EXTENT_STRAY', node.ino, message, 'rows', addTrim(node.ino, at.epoch, at.index))
  }

  #finishHidden(): void {
    if (this.#hidden === undefined || this.#node === undefined) return
    this.#node.bytes += allocatedBytes(applyExtent(undefined, this.#hidden.parts))
    this.#hidden = undefined
  }

  #visitDamaged(node: Node, at: ExtentKeyParts, row: Row, fault: string): void {
    const tailed = this.#tailed.get(at.index)
    if (at.part !== BASE_PART && tailed !== undefined && isNamed(tailed.tail, at.part)) {
      // The extent as a whole is written anew from what can be read.
      tailed.broken++
      return
    }
    const from = at.index * node.extentBytes
    const end =
      node.row === 'sound' ? Math.max(from, Math.min(from + node.extentBytes, node.size)) : from + node.extentBytes
    const message = `an extent row is damaged (${fault}): bytes ${from} to ${end} are lost; a repair leaves a hole there`
    this.#census.findings.add('DATA_LOST', node.ino, message, 'rows', dropRow(row))
  }

  #visitBase(node: Node, at: ExtentKeyParts, segments: Segments): void {
    if (this.#bases?.add(at.index) === false) {
      const message = `extent ${at.index} has base rows in several data epochs; only the newest is ever read`
      this.#census.findings.add('EXTENT_SHADOWED', node.ino, message, 'rows', rewriteExtent(node.ino, at.index))
      if (!this.#tailed.has(at.index)) this.#shadows.push({ node, at })
    }
    if (segments.some(({ data }) => data === undefined)) {
      const message = `the base row of extent ${at.index} has holes`
      this.#census.findings.add('EXTENT_SHAPE', node.ino, message, 'rows', rewriteExtent(node.ino, at.index))
    }
    const tailed = this.#tailed.get(at.index)
    if (tailed !== undefined) tailed.base = segments
    else this.#count(node, at.index, segments)
  }

  /** Base, cover and pages are judged together. */
  #visitPaged(node: Node, at: ExtentKeyParts, row: Row, segments: Segments | undefined): void {
    if (this.#paged?.at.epoch !== at.epoch || this.#paged.at.index !== at.index) this.#finishPaged()
    this.#paged ??= new PagedExtent(at, node.extentBytes)
    this.#paged.add(at.part, row, segments)
  }

  #finishPaged(): void {
    const node = this.#node
    const extent = this.#paged
    if (node === undefined || extent === undefined) return
    this.#paged = undefined
    const { index } = extent.at
    const { content, lost, stray, isMisshapen } = extent.verdict()
    const { findings } = this.#census
    for (const row of stray) {
      findings.add('PARTIAL_STRAY', node.ino, `a page row of extent ${index} that no cover names`, 'rows', dropRow(row))
    }
    if (lost > 0) {
      const message = `of the page rows of extent ${index}, or what names them, ${lost} are damaged or missing: what they hold is lost`
      findings.add('DATA_LOST', node.ino, message, 'rows', rewriteExtent(node.ino, index))
    } else if (isMisshapen) {
      const message = `page rows of extent ${index} say what is not theirs to say`
      findings.add('EXTENT_SHAPE', node.ino, message, 'rows', rewriteExtent(node.ino, index))
    }
    if (content !== undefined) this.#visitBase(node, extent.at, content)
  }

  #visitPart(node: Node, at: ExtentKeyParts, row: Row, segments: Segments): void {
    const tailed = this.#tailed.get(at.index)
    if (tailed !== undefined && at.epoch === node.epochs[0].epoch && isNamed(tailed.tail, at.part)) {
      tailed.parts.push(segments)
      return
    }
    const message = `a partial row of extent ${at.index} that no tail names`
    this.#census.findings.add('PARTIAL_STRAY', node.ino, message, 'rows', dropRow(row))
  }

  /** Adds what an extent holds to its inode; I3. */
  #count(node: Node, index: number, segments: Segments): void {
    const legal = clip(segments, node.size - index * node.extentBytes, node.extentBytes)
    const bytes = allocatedBytes(legal)
    node.bytes += bytes
    const beyond = allocatedBytes(segments) - bytes
    if (beyond === 0) return
    const message = `${beyond} bytes of data in extent ${index} lie beyond the size ${node.size} or beyond the extent`
    this.#census.findings.add('EXTENT_BEYOND_SIZE', node.ino, message, 'rows', rewriteExtent(node.ino, index))
  }

  /** Tails against the partial rows that were met (I6), and their bytes. */
  #finishInode(): void {
    const node = this.#node
    if (node === undefined) return
    this.#finishHidden()
    this.#finishPaged()
    for (const [index, { tail, base, parts, broken }] of this.#tailed) {
      const named = tail.mids + tail.smalls
      const missing = named - parts.length - broken
      if (missing + broken > 0) {
        const from = index * node.extentBytes
        const message =
          `of ${named} partial rows of extent ${index} ${broken} are damaged and ${missing} missing: ` +
          `what they changed of bytes ${from} to ${Math.min(from + node.extentBytes, node.size)} is lost`
        this.#census.findings.add('DATA_LOST', node.ino, message, 'rows', rewriteExtent(node.ino, index))
      }
      const origin = base === undefined ? this.#census.sharing.originOf(node.ino, index) : undefined
      if (origin === undefined) this.#count(node, index, applyExtent(base, parts))
      else this.#borrowed.push({ node, index, origin, parts })
    }
    for (const index of this.#letGo) {
      if (this.#bases?.has(index) === true) continue
      const message = `extent ${index} was let go of, for others to read, and nothing hides it`
      this.#census.findings.add('LOAN', node.ino, message, 'rows', rewriteExtent(node.ino, index))
    }
    this.#tailed.clear()
    this.#node = undefined
  }

  /** After the last row: inodes whose tails name rows although they have none; bytes that were counted twice. */
  async finish(): Promise<void> {
    this.#finishInode()
    for (const node of this.#census.nodes.values()) {
      if (node.tails.length === 0 || this.#tailsSeen.has(node.ino)) continue
      this.#begin(node)
      this.#finishInode()
    }
    for (const { node, index, origin, parts } of this.#borrowed) {
      const { store } = this.#census.core
      const base = await runAsync(store.transact((tx) => readablePlace(tx, origin), { readOnly: true }))
      this.#count(node, index, applyExtent(base, parts))
    }
    for (const { node, at } of this.#shadows) {
      const older = await runAsync(readOlderBase(this.#census.core, node, at))
      node.bytes -= allocatedBytes(clip(older, node.size - at.index * node.extentBytes, node.extentBytes))
    }
  }
}

/** The base row that the one at `at` hides: of the next older data epoch that has one. */
function readOlderBase(core: Core, node: Node, at: ExtentKeyParts): Op<Segments> {
  return core.store.transact(
    function* (tx): Op<Segments> {
      for (const { epoch, end } of node.epochs) {
        if (epoch >= at.epoch || at.index >= end) continue
        const { content } = yield* readableBase(tx, node, epoch, at.index)
        if (content !== undefined) return content
      }
      return []
    },
    { readOnly: true },
  )
}
