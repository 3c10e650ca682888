/** The rows of the volume as a whole: superblock, counters, lease, accounts, orphans, jobs. */
import { decodeAccountName, decodeGroup, decodeUser, encodeAccountName } from '../format/account.ts'
import { decodeJob, isContentJob } from '../format/job.ts'
import {
  type AccountKind,
  accountIdOfKey,
  accountNameKey,
  accountNameOfKey,
  kindOfKey,
  numberOfKey,
  superblockKey,
} from '../format/keys.ts'
import { check, FRAME_BYTES, RowKind } from '../format/row.ts'
import { decodeCounters, decodeInodeLease, decodeSuperblock, encodeSuperblock } from '../format/superblock.ts'
import type { Row } from '../store/store.ts'
import type { Census } from './census.ts'
import { dropRow } from './drop-row.ts'
import { FeedRows } from './feed-rows.ts'
import type { Fix } from './finding.ts'

export const hexOf = (key: Uint8Array): string => Buffer.from(key).toString('hex')

/** Collects what the rows say; `finish` compares. */
export class SystemRows {
  readonly #census: Census
  readonly #feed: FeedRows
  readonly #accounts = { user: new Map<number, string>(), group: new Map<number, string>() }
  readonly #names = { user: new Map<string, number>(), group: new Map<string, number>() }
  #seen = new Set<string>()
  leaseNext: number | undefined
  counters: { inodes: number; dataBytes: number } | undefined

  constructor(census: Census) {
    this.#census = census
    this.#feed = new FeedRows(census)
  }

  visit(row: Row): void {
    const kind = kindOfKey(row.key)
    switch (kind) {
      case 'marker':
        return
      case 'superblock':
      case 'counters':
      case 'inodeLease':
        this.#seen.add(kind)
        this.#visitSystem(kind, row)
        return
      case 'user':
      case 'group':
        this.#visitAccount(kind, row)
        return
      case 'userName':
        this.#visitName('user', row)
        return
      case 'groupName':
        this.#visitName('group', row)
        return
      case 'orphan':
        this.#visitOrphan(row)
        return
      case 'job':
        this.#visitJob(row)
        return
      case 'snapshotState':
        this.#census.snapshots.visitState(row)
        return
      case 'snapshot':
        this.#census.snapshots.visitSnapshot(row)
        return
      case 'fork':
        this.#census.snapshots.visitFork(row)
        return
      case 'quotaState':
        this.#census.quotas.visitState(row)
        return
      case 'quota':
        this.#census.quotas.visitQuota(row)
        return
      case 'feedState':
        this.#feed.visitState(row)
        return
      case 'feedEntry':
        this.#feed.visitEntry(row)
        return
      default:
        this.#census.findings.add('ROW_UNKNOWN', undefined, `a row of no known kind, key ${hexOf(row.key)}`)
    }
  }

  #visitSystem(kind: 'superblock' | 'counters' | 'inodeLease', row: Row): void {
    const { findings } = this.#census
    if (kind === 'superblock') {
      const verdict = decodeSuperblock(row.value)
      if (!verdict.ok) {
        findings.add('SUPERBLOCK', undefined, `the superblock is damaged (${verdict.fault})`, 'rows', putSuperblock)
      } else if (verdict.value.volumeId !== this.#census.core.superblock.volumeId) {
        findings.add('SUPERBLOCK', undefined, "the superblock is another volume's than the one that was opened")
      }
    } else if (kind === 'counters') {
      const verdict = decodeCounters(row.value)
      if (verdict.ok) this.counters = verdict.value
    } else {
      const verdict = decodeInodeLease(row.value)
      if (verdict.ok) this.leaseNext = verdict.value.next
    }
  }

  #visitAccount(kind: AccountKind, row: Row): void {
    const { findings, counts } = this.#census
    const id = accountIdOfKey(row.key)
    const verdict = kind === 'user' ? decodeUser(row.key, row.value) : decodeGroup(row.key, row.value)
    if (!verdict.ok) {
      findings.add(
        'ROW_DAMAGED',
        undefined,
        `the row of ${kind} ${id} is damaged (${verdict.fault})`,
        'rows',
        dropRow(row),
      )
      return
    }
    if (kind === 'user') counts.users++
    else counts.groups++
    this.#accounts[kind].set(id, verdict.value.name)
  }

  #visitName(kind: AccountKind, row: Row): void {
    const verdict = decodeAccountName(row.key, row.value)
    const name = accountNameOfKey(row.key)
    if (verdict.ok) this.#names[kind].set(name, verdict.value.id)
    else {
      const message = `the row of ${kind} name ${JSON.stringify(name)} is damaged (${verdict.fault})`
      this.#census.findings.add('ROW_DAMAGED', undefined, message, 'rows', dropRow(row))
    }
  }

  #visitOrphan(row: Row): void {
    const ino = numberOfKey(row.key)
    const fault =
      check(row.key, row.value, RowKind.orphan, 1) ?? (row.value.length === FRAME_BYTES ? undefined : 'shape')
    if (fault === undefined) {
      this.#census.node(ino).isOrphan = true
      return
    }
    this.#census.findings.add('ROW_DAMAGED', ino, `the orphan row is damaged (${fault})`, 'rows', dropRow(row))
  }

  #visitJob(row: Row): void {
    const { findings, counts, jobs } = this.#census
    const id = numberOfKey(row.key)
    // A salvaging mount has not looked at the jobs: those that a repair adds must not take their numbers.
    this.#census.core.reserveJobIds(id)
    const verdict = decodeJob(row.key, row.value)
    if (!verdict.ok) {
      findings.add('ROW_DAMAGED', undefined, `the row of job ${id} is damaged (${verdict.fault})`, 'rows', dropRow(row))
      return
    }
    const job = verdict.value
    counts.jobs++
    if (job.kind === 'sweep') this.#census.sweeps++
    if (job.kind === 'unfork') this.#census.unforks.add(job.fork)
    if (!isContentJob(job)) return
    this.#census.jobBytes += Math.max(0, job.dataBytes)
    const list = jobs.get(job.ino)
    if (list === undefined) jobs.set(job.ino, [{ id, job }])
    else list.push({ id, job })
  }

  /** Names and numbers of accounts, both ways, and whether the rows that every volume has are there. */
  finish(): void {
    const { findings } = this.#census
    this.#census.snapshots.finishSystem()
    this.#feed.finish()
    if (!this.#seen.has('superblock')) {
      findings.add('SUPERBLOCK', undefined, 'the superblock is missing', 'rows', putSuperblock)
    }
    for (const kind of ['user', 'group'] as const) {
      const accounts = this.#accounts[kind]
      const names = this.#names[kind]
      const called = new Set(accounts.values())
      for (const [id, name] of accounts) {
        const named = names.get(name)
        if (named === id) continue
        const other = named === undefined ? undefined : accounts.get(named)
        const message = `${kind} ${id} is called ${JSON.stringify(name)}, but that name leads to ${named ?? 'nobody'}`
        // A name that truly is another account's stays that account's.
        if (other === name) findings.add('ACCOUNT', undefined, message)
        else findings.add('ACCOUNT', undefined, message, 'rows', putName(kind, name, id))
      }
      for (const [name, id] of names) {
        if (accounts.get(id) === name) continue
        // The same name of an account under another number was put right above.
        if (called.has(name)) continue
        const message = `the ${kind} name ${JSON.stringify(name)} leads to ${id}, which is not called so`
        findings.add('ACCOUNT', undefined, message, 'rows', dropName(kind, name))
      }
    }
  }
}

const putSuperblock: Fix = function* (call) {
  call.tx.put(superblockKey, encodeSuperblock(call.core.superblock))
}

const putName = (kind: AccountKind, name: string, id: number): Fix =>
  function* (call) {
    const key = accountNameKey(kind, name)
    call.tx.put(key, encodeAccountName(key, id))
  }

const dropName = (kind: AccountKind, name: string): Fix =>
  function* (call) {
    call.tx.del(accountNameKey(kind, name))
  }
