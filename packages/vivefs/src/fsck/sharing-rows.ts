/**
 * References and loans against the extents that they are about (FORMAT.md, "Shared extents", R1-R5). Their rows come before the
 * extents, so that every row of a shared extent is known as one when it is met. Memory: a small record for each of them.
 */
import { S_IFREG } from '../core/mode.ts'
import { allocatedBytes, applyExtent, decodeExtent, type Segments } from '../format/extent.ts'
import { REFERENCE } from '../format/key-types.ts'
import { parseExtentKey } from '../format/keys.ts'
import {
  decodeLoan,
  decodeReference,
  encodeLoan,
  encodeReference,
  type Loan,
  loanKey,
  type Place,
  placeOfKey,
  placeRange,
  type Reference,
  referenceKey,
} from '../format/loan.ts'
import type { Row } from '../store/store.ts'
import type { Census, Node } from './census.ts'
import { dropRow } from './drop-row.ts'
import type { Fix } from './finding.ts'
import { rewriteExtent } from './repair-content.ts'
import type { Salvage } from './salvage.ts'
import { hexOf } from './system-rows.ts'

/** An extent that is lent, or that references lead to. */
interface Shared {
  readonly place: Place
  loan: Loan | undefined
  readonly referrers: { readonly place: Place; readonly bytes: number }[]
  /** Its rows, while they are being met. */
  parts: Segments[]
  /** What its rows hold together; undefined before they were met. */
  bytes: number | undefined
  isDamaged: boolean
  /** Its inode has not let go of it: it is visible there, or a job is ahead of it. */
  isClaimed: boolean
}

const textOf = ({ ino, epoch, index }: Place): string => `${ino}:${epoch}:${index}`

const isVisible = (node: Node, { epoch, index }: Place): boolean =>
  node.row === 'sound' && node.type === S_IFREG && node.epochs.some((each) => each.epoch === epoch && index < each.end)

export class SharingRows {
  readonly #census: Census
  readonly #shared = new Map<string, Shared>()
  /** Visible references by inode. */
  readonly #references = new Map<number, Map<number, { readonly place: Place; readonly reference: Reference }>>()
  #current: Shared | undefined
  /** What sharing saves, bytes (R4). */
  saved = 0

  constructor(census: Census) {
    this.#census = census
  }

  #of(place: Place): Shared {
    const text = textOf(place)
    let shared = this.#shared.get(text)
    if (shared === undefined) {
      const { ino, epoch, index } = place
      shared = {
        place: { ino, epoch, index },
        loan: undefined,
        referrers: [],
        parts: [],
        bytes: undefined,
        isDamaged: false,
        isClaimed: false,
      }
      this.#shared.set(text, shared)
    }
    return shared
  }

  /** A reference or a loan; answers false for another row. */
  visit(row: Row, salvage: Salvage): boolean {
    const place = placeOfKey(row.key)
    if (place === undefined) return false
    const reference = decodeReference(row.key, row.value)
    const loan = decodeLoan(row.key, row.value)
    if (reference.ok) this.#visitReference(place, reference.value, row, salvage)
    else if (loan.ok) this.#of(place).loan = loan.value
    else if (row.key[0] === REFERENCE) this.#lose(place, row)
    else
      this.#census.findings.add('ROW_DAMAGED', place.ino, `${nameOf(place)}: its loan is damaged`, 'rows', dropRow(row))
    return true
  }

  #lose(place: Place, row: Row): void {
    const { extentBytes } = this.#census.node(place.ino)
    const message = `a reference is damaged: bytes ${place.index * extentBytes} to ${(place.index + 1) * extentBytes} are lost; a repair leaves a hole there`
    this.#census.findings.add('DATA_LOST', place.ino, message, 'rows', dropRow(row))
  }

  #visitReference(place: Place, reference: Reference, row: Row, salvage: Salvage): void {
    const { findings } = this.#census
    const node = this.#census.node(place.ino)
    this.#of(reference).referrers.push({ place, bytes: reference.bytes })
    if (node.row !== 'sound' && salvage.addReference(node, place, reference.bytes)) return
    if (isVisible(node, place)) {
      if (!node.isSharer)
        findings.add('LOAN', node.ino, `extent ${place.index} is shared, and the inode does not say so`)
      let references = this.#references.get(node.ino)
      if (references === undefined) {
        references = new Map()
        this.#references.set(node.ino, references)
      }
      if (references.has(place.index)) this.#shadow(node, place.index)
      references.set(place.index, { place, reference })
      if (node.tails.every(({ index }) => index !== place.index)) this.#count(node, place.index, reference.bytes)
      return
    }
    const job = this.#census.jobsOf(node.ino).find(({ job: each }) => {
      return each.kind === 'purge' || (each.epoch === place.epoch && each.from <= place.index)
    })?.job
    if (job === undefined) {
      const message = `a reference in data epoch ${place.epoch}, extent ${place.index} is hidden, and no job deletes it`
      findings.add('EXTENT_STRAY', node.ino, message, 'rows', dropRow(row))
      return
    }
    const isListed = node.row === 'sound' && node.epochs.some(({ epoch }) => epoch === place.epoch)
    const isCounting = job.kind === 'trim' && job.dataBytes < 0 && place.index < (job.to ?? Number.POSITIVE_INFINITY)
    if (isListed && isCounting) node.bytes += reference.bytes
  }

  /** Adds what a visible reference leads to to its inode; I3. */
  #count(node: Node, index: number, bytes: number): void {
    node.bytes += bytes
    if (index * node.extentBytes < node.size) return
    const message = `${bytes} bytes of shared data in extent ${index} lie beyond the size ${node.size}`
    this.#census.findings.add('EXTENT_BEYOND_SIZE', node.ino, message, 'rows', rewriteExtent(node.ino, index))
  }

  #shadow(node: Node, index: number): void {
    const message = `extent ${index} has bases in several data epochs, or two in one; only the newest is ever read`
    this.#census.findings.add('EXTENT_SHADOWED', node.ino, message, 'rows', rewriteExtent(node.ino, index))
  }

  /** Extents of an inode whose base is a reference. */
  indexesOf(ino: number): Iterable<number> {
    return this.#references.get(ino)?.keys() ?? []
  }

  /** Where the base of an extent with partial rows is read, when it is another's. */
  originOf(ino: number, index: number): Place | undefined {
    return this.#references.get(ino)?.get(index)?.reference
  }

  /**
   * A row of an extent. Answers whether it is the inode's own: not when that let go of it, and only references lead there.
   */
  meet(node: Node, row: Row, segments: Segments | undefined): boolean {
    if (this.#shared.size === 0) return true
    const at = parseExtentKey(row.key)!
    const shared = this.#shared.get(textOf(at))
    if (shared !== this.#current) this.#settle()
    this.#current = shared
    if (shared === undefined) return true
    if (segments === undefined) shared.isDamaged = true
    else shared.parts.push(segments)
    const isAhead = this.#census.jobsOf(node.ino).some(({ job }) => {
      return job.kind === 'purge' || (job.epoch === at.epoch && job.from <= at.index)
    })
    if (shared.loan !== undefined && !shared.loan.isOwned) {
      if (segments === undefined) {
        const message = `a row of ${nameOf(at)} is damaged (key ${hexOf(row.key)}): what it holds is lost`
        this.#census.findings.add('DATA_LOST', node.ino, message, 'rows', dropRow(row))
      }
      return false
    }
    shared.isClaimed = isAhead || isVisible(node, at)
    return shared.isClaimed
  }

  /** Whether the inode of an extent let go of it, although it is in a data epoch that it reads: then something has to hide it. */
  hidesOnly(node: Node, place: Place): boolean {
    return this.#shared.get(textOf(place))?.loan?.isOwned === false && isVisible(node, place)
  }

  #settle(): void {
    const shared = this.#current
    if (shared === undefined) return
    shared.bytes = allocatedBytes(applyExtent(undefined, shared.parts))
    shared.parts = []
    this.#current = undefined
  }

  /** After the last extent: every loan against what was met. */
  finish(): void {
    this.#settle()
    const { findings } = this.#census
    for (const shared of this.#shared.values()) {
      const { place, loan, referrers, bytes, isClaimed } = shared
      if (bytes === undefined || shared.isDamaged) {
        const message = `${nameOf(place)}: ${bytes === undefined ? 'its rows are missing' : 'a row of it is damaged'}, and ${referrers.length} references lead there`
        for (const { place: at } of referrers) {
          findings.add('DATA_LOST', at.ino, `extent ${at.index} is lost: ${message}`, 'rows', settleShared(shared))
        }
        if (referrers.length === 0) findings.add('LOAN', place.ino, message, 'rows', settleShared(shared))
        continue
      }
      const viewers = referrers.length + (isClaimed ? 1 : 0)
      this.saved += bytes * (viewers - 1)
      const isRight =
        loan !== undefined &&
        loan.references === referrers.length &&
        loan.isOwned === isClaimed &&
        loan.bytes === bytes &&
        referrers.every((each) => each.bytes === bytes)
      if (isRight) continue
      const said =
        loan === undefined
          ? 'there is no loan'
          : `its loan says ${loan.references}${loan.isOwned ? ' and its inode' : ''}, ${loan.bytes} bytes`
      const message = `${nameOf(place)}: ${referrers.length} references${isClaimed ? ' and its inode' : ''} lead to ${bytes} bytes, ${said}`
      findings.add('LOAN', place.ino, message, 'rows', settleShared(shared))
    }
  }
}

const nameOf = ({ ino, epoch, index }: Place): string => `shared extent ${index} of inode ${ino}, data epoch ${epoch}`

/** Loan and references as they were counted; without rows to read they go, without anybody who reads them the rows do. */
const settleShared = ({ place, referrers, isClaimed }: Shared): Fix =>
  function* (call) {
    const { tx } = call
    const parts: Segments[] = []
    let isReadable = true
    const rows = yield* tx.range(placeRange(place))
    for (const { key, value } of rows) {
      const verdict = decodeExtent(key, value)
      if (verdict.ok) parts.push(verdict.value)
      else isReadable = false
    }
    const key = loanKey(place)
    if (rows.length === 0 || !isReadable) {
      for (const { place: at } of referrers) tx.del(referenceKey(at))
      tx.del(key)
      return
    }
    const bytes = allocatedBytes(applyExtent(undefined, parts))
    for (const each of referrers) {
      const at = referenceKey(each.place)
      if (each.bytes !== bytes && (yield* tx.get(at)) !== undefined)
        tx.put(at, encodeReference(at, { ...place, bytes }))
    }
    if (referrers.length > 0) tx.put(key, encodeLoan(key, { references: referrers.length, isOwned: isClaimed, bytes }))
    else {
      tx.del(key)
      if (!isClaimed) for (const row of rows) tx.del(row.key)
    }
  }
