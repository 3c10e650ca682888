/** The tree as a whole, once all inodes and entries are known: who is named how often, who leads to whom. */
import { S_IFDIR } from '../core/mode.ts'
import { decodeDirent } from '../format/dirent.ts'
import { encodeOrphan } from '../format/job.ts'
import { inodeKey, jobKey, nameOfDirentKey, orphanKey, parseNodeKey } from '../format/keys.ts'
import type { Row } from '../store/store.ts'
import type { Census, Node } from './census.ts'
import type { Fix } from './finding.ts'
import { printName } from './node-rows.ts'
import { addPurge } from './repair-content.ts'
import { dropEntryRow, linkIntoLostAndFound, moveToLostAndFound, retypeEntry } from './repair-tree.ts'
import type { Salvage } from './salvage.ts'

/** Sets fields of an inode to what was counted. */
export const setFields = (
  ino: number,
  fields: Partial<Record<'nlink' | 'entries' | 'xattrs' | 'parent' | 'allocatedBytes', number>>,
): Fix =>
  function* (call) {
    const inode = yield* call.find(ino)
    if (inode === undefined) return false
    Object.assign(call.edit(inode), fields)
    return true
  }

/** One inode by itself: links, entries, attributes, orphan row. */
export function checkNode(census: Census, salvage: Salvage, node: Node): void {
  if (node.row !== 'sound') {
    checkLostNode(census, salvage, node)
    return
  }
  const { findings, core, counts } = census
  const { ino } = node
  const isDirectory = node.type === S_IFDIR
  const isRoot = ino === core.superblock.rootIno
  if (node.xattrs !== node.xattrsClaimed) {
    const message = `${node.xattrs} extended attributes, the inode says ${node.xattrsClaimed}`
    findings.add('XATTR_COUNT', ino, message, 'fields', setFields(ino, { xattrs: node.xattrs }))
  }
  checkJobs(census, node)
  if (node.isOrphan && node.nlink > 0) {
    findings.add('ORPHAN_ROW', ino, 'an orphan row, but the inode has names', 'rows', dropOrphan(ino))
  }
  if (node.names === 0 && node.nlink === 0 && !isRoot) {
    counts.orphans++
    if (!node.isOrphan) {
      findings.add('ORPHAN_MISSING', ino, 'no name and no orphan row: nobody would delete it', 'rows', putOrphan(ino))
    }
    if (isDirectory && node.entries > 0) {
      findings.add('ENTRIES', ino, 'a removed directory with entries in it', 'tree', linkIntoLostAndFound(ino))
    }
    return
  }
  if (isDirectory) checkDirectory(census, node, isRoot)
  else if (node.entries > 0) findings.add('ENTRIES', ino, `${node.entries} entries in what is no directory`)
  if (isRoot) return
  if (!isDirectory && node.names > 0 && node.nlink !== node.names) {
    const message = `${node.names} names, the inode says ${node.nlink}`
    findings.add('NLINK', ino, message, 'fields', setFields(ino, { nlink: node.names }))
  }
  if (node.names === 0) {
    findings.add('UNREACHABLE', ino, 'no entry leads to it', 'tree', linkIntoLostAndFound(ino))
  }
}

function checkDirectory(census: Census, node: Node, isRoot: boolean): void {
  const { findings } = census
  const { ino } = node
  const links = 2 + node.subdirectories
  if (node.nlink !== links) {
    const message = `${node.subdirectories} subdirectories make ${links} links, the inode says ${node.nlink}`
    findings.add('NLINK', ino, message, 'fields', setFields(ino, { nlink: links }))
  }
  if (node.entries !== node.entriesClaimed) {
    const message = `${node.entries} entries, the inode says ${node.entriesClaimed}`
    findings.add('ENTRIES', ino, message, 'fields', setFields(ino, { entries: node.entries }))
  }
  // The second look at entries names those that are too many.
  if (node.names > (isRoot ? 0 : 1)) census.suspectEntries++
  const parent = isRoot ? ino : node.namedIn
  if (node.parent !== parent && (isRoot || node.names === 1)) {
    const message = `the directory above is ${parent}, the inode says ${node.parent}`
    findings.add('DIRECTORY_PARENT', ino, message, 'fields', setFields(ino, { parent }))
  }
}

/** Jobs of an inode that is there: none of them may delete what can be read. */
function checkJobs(census: Census, { ino, epochs }: Node): void {
  for (const { id, job } of census.jobsOf(ino)) {
    if (job.kind === 'trim') {
      const visible = epochs.find(({ epoch }) => epoch === job.epoch)
      if (visible === undefined || visible.end <= job.from) continue
    }
    census.findings.add(
      'JOB',
      ino,
      `job ${id} (${job.kind}) would delete content that can be read`,
      'rows',
      dropJob(id),
    )
  }
}

const dropJob = (id: number): Fix =>
  function* (call) {
    call.tx.del(jobKey(id))
  }

function checkLostNode(census: Census, salvage: Salvage, node: Node): void {
  const { findings } = census
  const { ino } = node
  if (salvage.has(node)) {
    const message = `the inode row is ${node.row}, but ${node.entries > 0 ? 'its entries are' : 'its content is'} there`
    findings.add('INODE_DAMAGED', ino, message, 'rows', salvage.restore(node))
    return
  }
  if (node.row === 'damaged') {
    findings.add(
      'INODE_DAMAGED',
      ino,
      'the inode row is damaged and nothing else of it is there',
      'rows',
      function* (call) {
        call.tx.del(inodeKey(ino))
      },
    )
  }
  if (node.isOrphan) findings.add('ORPHAN_ROW', ino, 'an orphan row for an inode that is gone', 'rows', dropOrphan(ino))
  const isPurged = census.jobsOf(ino).some(({ job }) => job.kind === 'purge')
  if (node.xattrs > 0 && node.names === 0 && !isPurged) {
    findings.add(
      'XATTR_STRAY',
      ino,
      'attributes of an inode that is gone, and no job deletes them',
      'rows',
      addPurge(ino),
    )
  }
}

const dropOrphan = (ino: number): Fix =>
  function* (call) {
    call.tx.del(orphanKey(ino))
  }

const putOrphan = (ino: number): Fix =>
  function* (call) {
    const key = orphanKey(ino)
    call.tx.put(key, encodeOrphan(key))
  }

/** Directories that lead to each other, but not to the root: one of each ring moves to /lost+found. */
export function checkRings(census: Census): void {
  const { nodes, core, findings } = census
  /** 1: on the way that is being walked; 2: known to end at the root, or reported. */
  const state = new Map<number, 1 | 2>([[core.superblock.rootIno, 2]])
  for (const node of nodes.values()) {
    if (node.type !== S_IFDIR || node.names === 0 || node.row === 'missing') continue
    const way: number[] = []
    let at: Node | undefined = node
    while (at !== undefined && state.get(at.ino) === undefined) {
      state.set(at.ino, 1)
      way.push(at.ino)
      at = at.names === 0 ? undefined : nodes.get(at.namedIn)
    }
    if (at !== undefined && state.get(at.ino) === 1) {
      const message = `the directory lies below itself, in ${at.namedIn}`
      findings.add('DIRECTORY_CYCLE', at.ino, message, 'tree', moveToLostAndFound(at.ino, at.namedIn))
    }
    for (const ino of way) state.set(ino, 2)
  }
}

/** Whether an entry gives a directory one name too many: the first one in the directory that it calls its own stays. */
function isSurplus({ core }: Census, node: Node, directoryIno: number): boolean {
  if (node.ino === core.superblock.rootIno) return true
  if (node.type !== S_IFDIR || node.names <= 1) return false
  if (node.isNamed || node.parent !== directoryIno) return true
  node.isNamed = true
  return false
}

/** Second look at entries, when some lead nowhere or to something of another type. */
export function recheckEntry(census: Census, salvage: Salvage, row: Row): void {
  const parts = parseNodeKey(row.key)
  if (parts?.sub !== 'dirent') return
  const verdict = decodeDirent(row.key, row.value)
  if (!verdict.ok) return
  const { findings } = census
  const node = census.node(verdict.value.ino)
  const name = printName(nameOfDirentKey(row.key))
  if (node.row === 'missing' && !salvage.has(node)) {
    const message = `the entry ${name} leads to inode ${node.ino}, which does not exist`
    findings.add('ENTRY_DANGLING', parts.ino, message, 'tree', dropEntryRow(parts.ino, row.key, verdict.value))
  } else if (isSurplus(census, node, parts.ino)) {
    const message = `the entry ${name} leads to directory ${node.ino}, which has another name or is the root`
    findings.add('DIRECTORY_LINKS', parts.ino, message, 'tree', dropEntryRow(parts.ino, row.key, verdict.value))
  } else if (node.row === 'sound' && node.type !== verdict.value.type) {
    const message = `the entry ${name} calls inode ${node.ino} type 0o${verdict.value.type.toString(8)}, it is 0o${node.type.toString(8)}`
    findings.add('ENTRY_TYPE', parts.ino, message, 'tree', retypeEntry(parts.ino, row.key, verdict.value, node.type))
  }
}
