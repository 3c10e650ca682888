import { batchEntries } from '../batch/batch-decoder.ts'
import { readBlobFile } from '../blob/read-blob-file.ts'
import { BlockCache } from '../cache/block-cache.ts'
import { PUT, RANGE_DELETE } from '../kind.ts'
import { LogReader } from '../log/log-reader.ts'
import { describeEdit, dumpManifest } from '../manifest/dump-manifest.ts'
import { type Op, runAsync } from '../op.ts'
import type { FileKind } from '../storage/storage.ts'
import { fileName } from '../storage/storage.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'
import { TableReader } from '../table/table-reader.ts'
import type { CommonOptions, Output } from './program.ts'
import { bytesText, entryLine, sizeText } from './text.ts'
import { withStorage } from './with-storage.ts'

/** Prints the files, or what is in one. Answers with the exit code. */
export function dump(
  location: string,
  file: { kind: FileKind; number: number } | undefined,
  o: CommonOptions,
  output: Output,
): Promise<number> {
  const json = o.json === true
  return withStorage(location, o.media, async (storage) => {
    if (file === undefined) return list(storage, json, output)
    if (file.kind === 'manifest') return await runAsync(manifest(storage, file.number, json, output))
    if (file.kind === 'blob') return await runAsync(blob(storage, file.number, json, output))
    if (file.kind === 'log') return await runAsync(log(storage, file.number, json, output))
    return await runAsync(table(storage, file.number, json, output))
  })
}

function list(storage: VolumeStorage, json: boolean, output: Output): number {
  for (const { kind, number, bytes } of storage.list().sort((a, b) => a.number - b.number))
    output.line(json ? JSON.stringify({ kind, number, bytes }) : `${fileName(kind, number)}  ${sizeText(bytes)}`)
  return 0
}

function* manifest(storage: VolumeStorage, number: number, json: boolean, output: Output): Op<number> {
  const { edits, fault } = yield* dumpManifest(storage, number)
  for (const { offset, edit } of edits) {
    if (json) output.line(JSON.stringify({ offset, edit: describeEdit(edit) }))
    else {
      output.line(`at ${offset}:`)
      for (const line of describeEdit(edit)) output.line(`  ${line}`)
    }
  }
  if (fault === undefined) return 0
  output.complain(`${fileName('manifest', number)} at offset ${fault.offset}: ${fault.what}`)
  return 1
}

function* log(storage: VolumeStorage, number: number, json: boolean, output: Output): Op<number> {
  const file = yield* storage.open('log', number)
  yield* new LogReader(file, number).replay((batch, offset) => {
    if (!json) output.line(`at ${offset}: ${batch.count} entries`)
    for (const entry of batchEntries(batch)) output.line(json ? entryLine(entry, true) : `  ${entryLine(entry, false)}`)
  })
  return 0
}

function* blob(storage: VolumeStorage, number: number, json: boolean, output: Output): Op<number> {
  const { entries, fault } = yield* readBlobFile(
    yield* storage.open('blob', number),
    number,
    ({ offset, key, value }) => {
      const line = entryLine({ sequence: 0, kind: PUT, key, value }, json)
      output.line(json ? line : `at ${offset}: ${line.slice(2)}`)
    },
  )
  if (fault === undefined) return 0
  output.complain(`${fileName('blob', number)} after ${entries} entries: ${fault}`)
  return 1
}

function* table(storage: VolumeStorage, number: number, json: boolean, output: Output): Op<number> {
  const file = yield* storage.open('table', number)
  const reader = yield* TableReader.open(file, { number, bytes: file.size }, new BlockCache(1 << 20))
  const { smallest, largest, largestIncluded, entries } = reader.meta
  if (!json) {
    const range = `[${bytesText(smallest)}, ${bytesText(largest)}${largestIncluded ? ']' : ')'}`
    output.line(`${fileName('table', number)}: ${entries} entries in ${range}`)
  }
  for (const { from, to, sequences } of reader.rangeTombstones.fragments())
    for (const sequence of sequences)
      output.line(entryLine({ sequence, kind: RANGE_DELETE, key: from, value: to }, json))
  const cursor = reader.cursor({ fillCache: false })
  try {
    for (yield* cursor.first(); cursor.valid; ) {
      const key = cursor.keyBytes.subarray(cursor.keyStart, cursor.keyEnd)
      const value = cursor.valueBytes.subarray(cursor.valueStart, cursor.valueEnd)
      output.line(entryLine({ sequence: cursor.sequence, kind: cursor.kind, key, value }, json))
      if (!cursor.nextNow()) yield* cursor.next()
    }
  } finally {
    cursor.close()
  }
  return 0
}
