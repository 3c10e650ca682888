import type { Op } from '../op.ts'
import { fileName, type Storage } from '../storage/storage.ts'
import { decodeManifestHeader, decodeRecord, MANIFEST_HEADER_BYTES, type ManifestHeader } from './manifest-file.ts'
import type { VersionEdit } from './version-edit.ts'

/** A manifest as it lies in its file, for people. */
export interface ManifestDump {
  readonly number: number
  readonly bytes: number
  readonly header: ManifestHeader | undefined
  readonly edits: readonly { readonly offset: number; readonly edit: VersionEdit }[]
  /** Where reading ended, and why; undefined: at the end. */
  readonly fault: { readonly offset: number; readonly what: string } | undefined
}

/** Reads a manifest as far as it can be read, and checks nothing but the encoding. LEVEL_IO_ERROR, LEVEL_CORRUPTION of the file. */
export function* dumpManifest(storage: Storage, number: number): Op<ManifestDump> {
  const file = yield* storage.open('manifest', number)
  const bytes = Buffer.alloc(file.size)
  yield* file.read(0, bytes)
  const edits: { offset: number; edit: VersionEdit }[] = []
  const header = decodeManifestHeader(bytes, true)
  if ('fault' in header) {
    return { number, bytes: file.size, header: undefined, edits, fault: { offset: 0, what: header.fault } }
  }
  let offset = MANIFEST_HEADER_BYTES
  while (offset < bytes.length) {
    const record = decodeRecord(bytes, offset)
    if ('fault' in record) return { number, bytes: file.size, header, edits, fault: { offset, what: record.fault } }
    edits.push({ offset, edit: record.edit })
    offset = record.end
  }
  return { number, bytes: file.size, header, edits, fault: undefined }
}

/** One line for each thing that an edit says. */
export function describeEdit(edit: VersionEdit): string[] {
  const lines: string[] = []
  const key = (bytes: Uint8Array) => JSON.stringify(Buffer.from(bytes.subarray(0, 40)).toString('latin1'))
  if (edit.base === true) lines.push('base')
  for (const { level, number } of edit.removed ?? []) lines.push(`- level ${level} ${fileName('table', number)}`)
  for (const { kind, number, bytes } of edit.blobs ?? [])
    lines.push(`+ values in ${fileName(kind, number)}, ${bytes} bytes`)
  for (const { level, meta } of edit.added ?? []) {
    const range = `[${key(meta.smallest)}, ${key(meta.largest)}${meta.largestIncluded ? ']' : ')'}`
    const counts = `${meta.entries} entries, ${meta.deletions} + ${meta.rangeDeletions} tombstones`
    const sequences = `sequences ${meta.smallestSequence}..${meta.largestSequence}`
    lines.push(
      `+ level ${level} ${fileName('table', meta.number)} ${range} ${meta.bytes} bytes, ${counts}, ${sequences}`,
    )
    for (const { kind, file, values, bytes } of meta.blobs ?? [])
      lines.push(`    ${values} values of ${bytes} bytes in ${fileName(kind, file)}`)
  }
  for (const { table, firstLog, endLog } of edit.volatile ?? [])
    lines.push(
      `  ${fileName('table', table)} is volatile: ${fileName('log', firstLog)} to before ${fileName('log', endLog)}`,
    )
  for (const { number, bytes } of edit.logs ?? [])
    lines.push(`  ${fileName('log', number)} is durable to ${bytes} bytes`)
  for (const name of edit.unpinned ?? []) lines.push(`- snapshot ${name}`)
  for (const { name, sequence } of edit.pinned ?? []) lines.push(`+ snapshot ${name} at ${sequence}`)
  if (edit.mergeOperator !== undefined) lines.push(`merge operator ${edit.mergeOperator}`)
  const { lastSequence, nextNumber, logNumber } = edit
  if (logNumber !== undefined) lines.push(`first log needed: ${fileName('log', logNumber)}`)
  lines.push(`last sequence ${lastSequence ?? '?'}, next file number ${nextNumber ?? '?'}`)
  return lines
}
