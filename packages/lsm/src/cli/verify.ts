import { BlobFiles, pointerOf } from '../blob/blob-files.ts'
import { BLOB_HEADER_BYTES, checkBlobHeader } from '../blob/blob-format.ts'
import { BlockCache } from '../cache/block-cache.ts'
import { missingBesideWriter } from '../db/recovery.ts'
import { isLevelError } from '../error.ts'
import { BLOB } from '../kind.ts'
import { LogReader } from '../log/log-reader.ts'
import { type Op, runAsync } from '../op.ts'
import { fileName } from '../storage/storage.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'
import { TableReader } from '../table/table-reader.ts'
import { VersionSet } from '../version/version-set.ts'
import type { CommonOptions, Output } from './program.ts'
import { withStorage } from './with-storage.ts'

/** Something that is not as it was written. */
interface Finding {
  readonly file: string
  readonly what: string
}

/** Reads the whole database. Answers with the exit code. */
export function verify(location: string, o: CommonOptions, output: Output): Promise<number> {
  return withStorage(location, o.media, async (storage) => {
    let findings = 0
    for (const finding of await runAsync(verifyStorage(storage))) {
      findings++
      output.line(o.json === true ? JSON.stringify(finding) : `${finding.file}: ${finding.what}`)
    }
    if (o.json !== true) output.line(findings === 0 ? 'sound' : `${findings} findings`)
    return findings === 0 ? 0 : 1
  })
}

function* verifyStorage(storage: VolumeStorage): Op<Finding[]> {
  const findings: Finding[] = []
  const look = function* (file: string, op: Op<string | undefined>): Op<void> {
    try {
      const what = yield* op
      if (what !== undefined) findings.push({ file, what })
    } catch (error) {
      if (!isLevelError(error)) throw error
      findings.push({ file, what: error.message })
    }
  }
  let versions: VersionSet | undefined
  yield* look(
    'manifest',
    (function* () {
      versions = yield* VersionSet.recover(storage, { readOnly: true })
      return undefined
    })(),
  )
  if (versions === undefined) return findings
  for (const { number, error } of yield* missingBesideWriter(storage, versions))
    findings.push({ file: fileName('log', number), what: error.message })
  const cache = new BlockCache(1 << 20)
  const blobs = new BlobFiles(storage)
  for (const { meta } of versions.current.tables()) {
    const { number } = meta
    yield* look(
      fileName('table', number),
      (function* () {
        const reader = yield* TableReader.open(yield* storage.open('table', number), meta, cache)
        const fault = yield* reader.verify()
        const what = fault?.what ?? (yield* verifyValues(reader, blobs))
        reader.close()
        return what
      })(),
    )
  }
  for (const { kind, number } of versions.blobs.values()) {
    if (kind === 'blob') yield* look(fileName(kind, number), verifyBlobHeader(storage, number))
  }
  for (const { kind, number } of storage.list()) {
    if (kind !== 'log' || !versions.needsLog(number)) continue
    yield* look(
      fileName('log', number),
      (function* () {
        yield* new LogReader(yield* storage.open('log', number), number).replay(() => {})
        return undefined
      })(),
    )
  }
  return findings
}

/** Follows every pointer of a table: the value has to be that of its key, and every byte of it sound. */
function* verifyValues(reader: TableReader, blobs: BlobFiles): Op<string | undefined> {
  if (reader.properties.blobs === undefined) return undefined
  const cursor = reader.cursor({ fillCache: false })
  try {
    for (yield* cursor.first(); cursor.valid; ) {
      if (cursor.kind === BLOB) {
        const key = cursor.keyBytes.subarray(cursor.keyStart, cursor.keyEnd)
        const pointer = pointerOf(cursor.valueBytes, cursor.valueStart, cursor.valueEnd)
        const what = yield* blobs.verify(key, pointer)
        if (what !== undefined) return what
      }
      if (!cursor.nextNow()) yield* cursor.next()
    }
    return undefined
  } finally {
    cursor.close()
  }
}

function* verifyBlobHeader(storage: VolumeStorage, number: number): Op<string | undefined> {
  const file = yield* storage.open('blob', number)
  const header = Buffer.alloc(BLOB_HEADER_BYTES)
  const got = yield* file.read(0, header)
  const verdict = checkBlobHeader(header.subarray(0, got), number)
  return verdict.ok ? undefined : verdict.fault
}
