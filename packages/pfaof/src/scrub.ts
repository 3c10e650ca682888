import { ChunkCursor } from './chunk-cursor.ts'
import type { Extent } from './edit.ts'
import { isPfaofError } from './error.ts'
import type { FileRecord } from './file-table.ts'
import { runAsync } from './op.ts'
import { replayHome } from './recovery.ts'
import type { VolumeCore } from './volume-core.ts'

/** One thing that is not as it was written. */
export interface ScrubFinding {
  /** 'chunk': no sound header where one was written; 'page': a payload page; 'gap': chunks are missing; 'table': the file table; 'io': unreadable. */
  readonly kind: 'chunk' | 'page' | 'gap' | 'table' | 'io'
  readonly medium: string
  readonly zone: number | undefined
  /** In the zone. */
  readonly offset: number | undefined
  readonly fileId: number | undefined
  readonly name: string | undefined
  readonly message: string
}

export interface ScrubOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { phase: 'scrub'; loaded: number; total: number }) => void
}

/** Reads every live chunk and every home's file table, without any cache, and reports damage. Repairs nothing. */
export async function* scrubVolume(core: VolumeCore, o: ScrubOptions): AsyncGenerator<ScrubFinding> {
  core.checkReadable()
  let total = 0
  for (const record of core.table.files.values()) for (const extent of endsOf(core, record)) total += extent.liveBytes
  let loaded = 0
  for (const id of [...core.table.files.keys()]) {
    const record = core.table.files.get(id)
    if (record === undefined) continue
    const file = core.file(id)
    const { layout } = file
    layout.acquire()
    try {
      for (const extent of endsOf(core, record)) {
        o.signal?.throwIfAborted()
        yield* scrubExtent(core, record, extent)
        loaded += extent.liveBytes
        o.onProgress?.({ phase: 'scrub', loaded, total })
      }
    } finally {
      layout.release()
    }
  }
  yield* scrubTable(core)
}

function endsOf(core: VolumeCore, record: FileRecord): Extent[] {
  const ends = core.files.get(record.id)?.ends
  return record.extents.map((extent, i) => (record.sealed ? extent : { ...extent, ...ends?.[i] }))
}

async function* scrubExtent(core: VolumeCore, record: FileRecord, extent: Extent): AsyncGenerator<ScrubFinding> {
  const medium = core.media[extent.medium]!
  const { zone } = extent
  const source = {
    alignBytes: medium.alignBytes,
    read: (offset: number, into: Uint8Array) => medium.read(zone, offset, into),
    seed: (offset: number) => medium.seed(zone, offset),
  }
  const finding = (kind: ScrubFinding['kind'], offset: number, message: string): ScrubFinding => {
    return { kind, medium: medium.name, zone, offset, fileId: record.id, name: record.name, message }
  }
  const cursor = new ChunkCursor(source, extent.start, extent.end)
  let fileOffset = extent.fileOffset
  let bad: { at: number; fault: string } | undefined
  try {
    while (cursor.at < extent.end) {
      const verdict = await runAsync(cursor.next((header) => header.fileId === record.id))
      if (verdict.kind === 'end') break
      if (verdict.kind === 'bad') {
        // It may be what a crash left of another file: whether it was this one's, the next chunk tells.
        bad ??= verdict
        if (!(await runAsync(cursor.resync()))) break
        continue
      }
      const { header } = verdict
      if (header.fileId !== record.id || header.epoch !== extent.epoch || header.use !== extent.use) continue
      if (header.fileOffset !== fileOffset) {
        const lost = `bytes ${fileOffset} .. ${header.fileOffset} of the file are missing`
        yield bad === undefined ? finding('gap', verdict.at, lost) : finding('chunk', bad.at, `${bad.fault}: ${lost}`)
      }
      bad = undefined
      if (!verdict.payloadOk) yield finding('page', verdict.at, 'a payload page is not what was written')
      fileOffset = header.fileOffset + header.payloadBytes
    }
    const end = extent.fileOffset + extent.bytes
    if (fileOffset !== end) {
      const lost = `bytes ${fileOffset} .. ${end} of the file are missing`
      yield bad === undefined ? finding('gap', extent.end, lost) : finding('chunk', bad.at, `${bad.fault}: ${lost}`)
    }
  } catch (error) {
    if (!isPfaofError(error)) throw error
    yield finding('io', cursor.at, error.message)
  }
}

async function* scrubTable(core: VolumeCore): AsyncGenerator<ScrubFinding> {
  for (const medium of core.media) {
    if (!medium.home) continue
    try {
      await runAsync(medium.report())
      if ((await runAsync(replayHome(medium))) !== undefined) continue
      yield tableFinding(medium.name, 'no generation of the file table is complete')
    } catch (error) {
      if (!isPfaofError(error)) throw error
      yield tableFinding(medium.name, error.message)
    }
  }
}

function tableFinding(medium: string, message: string): ScrubFinding {
  return { kind: 'table', medium, zone: undefined, offset: undefined, fileId: undefined, name: undefined, message }
}
