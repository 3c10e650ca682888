/**
 * Checks every invariant of a volume against all its rows, and puts right what it finds when asked to (docs/fsck.md).
 *
 * Changes wait while it runs. One pass reads the rows in key order, in bounded pages: system rows, inodes with their
 * entries and attributes, content. It remembers a small record for each inode, so memory grows with the number of inodes
 * and not with entries or bytes. Repairs run in bounded transactions; passes repeat until nothing more is put right, as
 * one repair may bring to light what it hid.
 */
import { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { superuser } from '../core/mode.ts'
import { FilesystemError } from '../errors.ts'
import { allExtentsRange, allNodesRange, countersKey, inodeLeaseKey } from '../format/keys.ts'
import { encodeCounters, encodeInodeLease } from '../format/superblock.ts'
import { runAsync } from '../op.ts'
import { forksOf, viewsOf } from '../snapshot/mount.ts'
import { Census } from './census.ts'
import { ContentRows } from './content-rows.ts'
import { type Finding, Findings, type FixStage } from './finding.ts'
import { visitNodeRow } from './node-rows.ts'
import type { FsckOptions, FsckReport } from './report.ts'
import { Salvage } from './salvage.ts'
import { pages } from './scan.ts'
import { SystemRows } from './system-rows.ts'
import { checkNode, checkRings, recheckEntry, setFields } from './tree.ts'

const FINDINGS_KEPT = 10_000
const PASSES_MAX = 6
const ROWS_PER_PAGE = 256
const PAGE_BYTES = 8 * 1024 * 1024
const FIXES_PER_STEP = 32
const FIRST_KEY = Buffer.of(0)
const LAST_KEY = Buffer.alloc(8, 0xff)
const STAGES: readonly FixStage[] = ['rows', 'fields', 'tree']

/**
 * Errors: EBUSY (changes are frozen already, or came in all the same), EROFS (repair of a read-only volume), the reason
 * of `signal`, and those of the store.
 */
export async function runFsck(core: Core, options: FsckOptions = {}): Promise<FsckReport> {
  const started = performance.now()
  const { readOnly } = core.options
  if (options.repair === true && readOnly) throw new FilesystemError('EROFS')
  options.signal?.throwIfAborted()
  // Rows of forks lie among those of the volume: what one of them changes would be a change of all.
  const forks = await forksOf(core)
  const frozen: Core[] = []
  try {
    for (const each of readOnly ? [] : [core, ...forks.map(({ fork }) => fork)]) {
      await quiesce(each)
      frozen.push(each)
    }
    const outcome = await check(core, options)
    for (const { name, fork } of options.snapshots === false ? [] : forks) {
      const { findings, findingsTotal } = await check(fork, { repair: options.repair, signal: options.signal })
      outcome.findingsTotal += findingsTotal
      const room = FINDINGS_KEPT - outcome.findings.length
      outcome.findings.push(...findings.slice(0, room).map((each) => named(each, name)))
    }
    return { clean: outcome.findingsTotal === 0, ...outcome, seconds: (performance.now() - started) / 1000 }
  } finally {
    for (const each of frozen) each.thaw()
  }
}

/** Makes changes of a tree wait, when those under way and its background work are over. */
async function quiesce(core: Core): Promise<void> {
  // A job that failed left its row, which the check accounts for.
  await core.jobs.idle().catch(() => {})
  await core.lazyTimes.flush()
  await core.freeze()
}

interface Outcome {
  readonly findings: Finding[]
  findingsTotal: number
  readonly counts: Census['counts']
}

/** Passes over a tree that nobody changes, and over what its snapshots show. */
async function check(core: Core, options: FsckOptions): Promise<Outcome> {
  const findings: Finding[] = []
  let findingsTotal = 0
  for (let pass = 1; ; pass++) {
    const census = await checkOnce(core, options)
    findingsTotal += census.findings.total
    findings.push(...census.findings.kept.slice(0, FINDINGS_KEPT - findings.length))
    for (const { name, view } of options.snapshots === false ? [] : viewsOf(core)) {
      const kept = (await checkOnce(view, { signal: options.signal })).findings.kept.filter(isOfView)
      findingsTotal += kept.length
      const room = FINDINGS_KEPT - findings.length
      findings.push(...kept.slice(0, room).map((each) => named(each, name)))
    }
    const isRepaired = options.repair === true && (await repair(core, census.findings, options))
    if (!isRepaired || pass === PASSES_MAX) return { findings, findingsTotal, counts: census.counts }
  }
}

const named = (finding: Finding, name: string): Finding => ({ ...finding, message: `${name}: ${finding.message}` })

/** What a view has of content and attributes that are nobody's, some job of the volume was about to delete. */
const isOfView = ({ code }: Finding): boolean => code !== 'EXTENT_STRAY' && code !== 'XATTR_STRAY'

/** One pass over all rows. */
async function checkOnce(core: Core, options: FsckOptions): Promise<Census> {
  const { onProgress, signal } = options
  const { commits } = core.store.statistics()
  const findings = new Findings(FINDINGS_KEPT, options.repair === true)
  const census = new Census(core, findings)
  const salvage = new Salvage(census)
  const system = new SystemRows(census)
  const content = new ContentRows(census, salvage)
  const expected = { inodes: core.counters.inodes, dataBytes: core.counters.dataBytes }
  const firstNode = allNodesRange.gte as Uint8Array
  const firstExtent = allExtentsRange.gte as Uint8Array
  const extentRows = Math.max(4, Math.min(ROWS_PER_PAGE, Math.floor(PAGE_BYTES / core.superblock.extentBytes)))

  for await (const rows of pages(core, FIRST_KEY, firstNode, ROWS_PER_PAGE, signal)) {
    for (const row of rows) system.visit(row)
  }
  system.finish()
  for await (const rows of pages(core, firstNode, allNodesRange.lt, ROWS_PER_PAGE, signal)) {
    for (const row of rows) visitNodeRow(census, row)
    onProgress?.({ phase: 'metadata', loaded: census.counts.inodes, total: expected.inodes })
  }
  for await (const rows of pages(core, allNodesRange.lt, firstExtent, ROWS_PER_PAGE, signal)) {
    for (const row of rows) if (!census.sharing.visit(row, salvage)) census.snapshots.visit(row)
  }
  for await (const rows of pages(core, firstExtent, allExtentsRange.lt, extentRows, signal)) {
    for (const row of rows) content.visit(row)
    onProgress?.({ phase: 'data', loaded: content.bytes, total: expected.dataBytes })
  }
  for await (const rows of pages(core, allExtentsRange.lt, LAST_KEY, extentRows, signal)) {
    for (const row of rows) census.snapshots.visit(row)
  }
  await content.finish()
  census.sharing.finish()

  census.quotas.finish()
  census.acls.check((ino) => {
    const node = census.nodes.get(ino)
    return node?.row === 'sound' ? node.type : undefined
  })
  let hasDangling = false
  for (const node of census.nodes.values()) {
    if (node.names > 0 && node.row === 'missing') hasDangling = true
    checkNode(census, salvage, node)
    census.counts.dataBytes += node.bytes
    if (node.row === 'sound' && node.bytes !== node.allocatedBytes) {
      const { ino, bytes, allocatedBytes } = node
      const message = `${bytes} bytes of data, the inode says ${allocatedBytes}`
      findings.add('ALLOCATED', ino, message, 'fields', setFields(ino, { allocatedBytes: bytes }))
    }
  }
  checkRings(census)
  onProgress?.({ phase: 'tree', loaded: census.counts.directories, total: census.counts.directories })
  if (hasDangling || census.suspectEntries > 0) {
    for await (const rows of pages(core, firstNode, allNodesRange.lt, ROWS_PER_PAGE, signal)) {
      for (const row of rows) recheckEntry(census, salvage, row)
    }
  }
  checkTotals(census, system)
  if (core.store.statistics().commits !== commits) throw new FilesystemError('EBUSY')
  return census
}

/** Counters and lease against what was counted. */
function checkTotals(census: Census, system: SystemRows): void {
  const { core, findings, counts, highestIno } = census
  const inodes = counts.inodes
  const dataBytes = counts.dataBytes + census.jobBytes - census.sharing.saved
  const inMemory = core.options.readOnly ? undefined : core.counters
  for (const [where, counters] of [
    ['row', system.counters],
    ['memory', inMemory],
  ] as const) {
    if (where === 'memory' && counters === undefined) continue
    if (counters !== undefined && counters.inodes === inodes && counters.dataBytes === dataBytes) continue
    const found = counters === undefined ? 'are missing or damaged' : `say ${counters.inodes} and ${counters.dataBytes}`
    const message = `the counters (${where}) ${found}; there are ${inodes} inodes and ${dataBytes} bytes of data`
    findings.add('COUNTERS', undefined, message, 'fields', function* (call) {
      call.tx.onCommit(() => {
        core.counters.inodes = inodes
        core.counters.dataBytes = dataBytes
      })
      call.tx.putAtCommit(countersKey, () => encodeCounters(core.counters))
    })
  }
  const next = system.leaseNext
  if (next !== undefined && next > highestIno) return
  const message =
    next === undefined
      ? 'the lease of inode numbers is missing or damaged'
      : `inode ${highestIno} is in use, the lease ends at ${next}`
  findings.add('LEASE', undefined, message, 'rows', function* (call) {
    call.tx.put(inodeLeaseKey, encodeInodeLease({ next: highestIno + 1 }))
    call.tx.onCommit(() => core.forgetLease())
  })
}

/** Runs the repairs of a pass; answers whether any of them changed something. */
async function repair(core: Core, findings: Findings, options: FsckOptions): Promise<boolean> {
  const total = findings.repairs.length
  let loaded = 0
  let isChanged = false
  for (const stage of STAGES) {
    const repairs = findings.repairs.filter((each) => each.stage === stage)
    for (let at = 0; at < repairs.length; at += FIXES_PER_STEP) {
      options.signal?.throwIfAborted()
      const step = repairs.slice(at, at + FIXES_PER_STEP)
      const done = await runAsync(
        core.store.transact(function* (tx) {
          const call = new Call(core, tx, superuser)
          const outcomes: boolean[] = []
          for (const { fix } of step) outcomes.push((yield* fix(call)) !== false)
          call.finish()
          return outcomes
        }),
      )
      step.forEach(({ finding }, n) => {
        finding.repaired = done[n]
        if (done[n]) isChanged = true
      })
      loaded += step.length
      options.onProgress?.({ phase: 'repair', loaded, total })
    }
  }
  // What was read before a repair is not what is there now.
  if (isChanged) core.extents.clear()
  return isChanged
}
