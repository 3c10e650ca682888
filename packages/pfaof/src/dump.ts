import { FIRST, LAST } from './chunk.ts'
import { ChunkCursor, type ChunkVerdict } from './chunk-cursor.ts'
import { decodeEdits, type Edit } from './edit.ts'
import { LABEL_FILE, SUPERBLOCK_FILE, TABLE_FILE } from './label.ts'
import { identify, type MediaByName } from './medium-set.ts'
import { type Op, runAsync } from './op.ts'
import { decodeSuperblock } from './superblock.ts'
import { VolumeMedium } from './volume-medium.ts'
import { labelSeed } from './zone-writer.ts'

/** One thing that lies in a zone, for people who debug. Reads with the codec that writes. */
export interface DumpEntry {
  readonly medium: string
  readonly zone: number
  readonly offset: number
  readonly kind: 'chunk' | 'damage'
  readonly owner: 'superblock' | 'table' | 'label' | 'file' | undefined
  readonly fileId: number | undefined
  /** FIRST, MIDDLE, LAST or WHOLE. */
  readonly part: string | undefined
  readonly epoch: number | undefined
  readonly use: number | undefined
  readonly ordinal: number | undefined
  readonly fileOffset: number | undefined
  readonly syncedOffset: number | undefined
  readonly bytes: number | undefined
  readonly sound: boolean
  readonly edits: readonly Edit[] | undefined
  readonly message: string | undefined
}

const NOTHING = {
  owner: undefined,
  fileId: undefined,
  part: undefined,
  epoch: undefined,
  use: undefined,
  ordinal: undefined,
  fileOffset: undefined,
  syncedOffset: undefined,
  bytes: undefined,
  edits: undefined,
  message: undefined,
} as const

const OWNERS = new Map<number, DumpEntry['owner']>([
  [SUPERBLOCK_FILE, 'superblock'],
  [TABLE_FILE, 'table'],
  [LABEL_FILE, 'label'],
])

function partOf(flags: number): string {
  if (flags === (FIRST | LAST)) return 'WHOLE'
  return flags === FIRST ? 'FIRST' : flags === LAST ? 'LAST' : 'MIDDLE'
}

/** Every chunk in every zone (or in one), live or stale, with what could not be read between them. */
export async function* dumpVolume(
  given: MediaByName,
  o: { medium?: string; zone?: number } = {},
): AsyncGenerator<DumpEntry> {
  const { media, added, superblock } = await runAsync(identify(given, true))
  const later = added.map(({ name, medium, block, probe }) => {
    const one = new VolumeMedium({ number: block.medium, name, medium, home: false, volumeId: superblock.volumeId })
    one.reports = probe.reports
    return one
  })
  for (const medium of [...media, ...later]) {
    if (o.medium !== undefined && o.medium !== medium.name) continue
    for (const { zone } of medium.reports) {
      if ((o.zone === undefined || o.zone === zone) && medium.scanLimit(zone) > 0) yield* dumpZone(medium, zone)
    }
  }
}

async function* dumpZone(medium: VolumeMedium, zone: number): AsyncGenerator<DumpEntry> {
  const place = (offset: number) => ({ medium: medium.name, zone, offset })
  const read = (offset: number, into: Uint8Array): Op<number> => medium.read(zone, offset, into)
  const { alignBytes } = medium
  const limit = medium.scanLimit(zone)
  const labels = new ChunkCursor({ alignBytes, read, seed: (offset) => labelSeed(zone, offset) }, 0, limit)
  let at = 0
  for (let copy = 0; copy < 2; copy++) {
    const verdict = await runAsync(labels.next(() => true))
    if (verdict.kind !== 'chunk') break
    const block = decodeSuperblock(verdict.payload)
    const message =
      'fault' in block ? block.fault : `generation ${block.generation}, medium ${block.medium} of ${block.media.length}`
    yield { ...NOTHING, ...place(verdict.at), kind: 'chunk', ...fieldsOf(verdict), edits: undefined, message }
    at = labels.at
  }
  const cursor = new ChunkCursor({ alignBytes, read, seed: (offset) => medium.seed(zone, offset) }, at, limit)
  for (;;) {
    const verdict = await runAsync(cursor.next(() => true))
    if (verdict.kind === 'end') return
    if (verdict.kind === 'bad') {
      const more = await runAsync(cursor.resync())
      // Zeros up to the end of a zone without a pointer are no damage.
      if (!more && medium.reports[zone]?.pointer === 'unknown') return
      yield { ...NOTHING, ...place(verdict.at), kind: 'damage', sound: false, message: verdict.fault }
      if (!more) return
      continue
    }
    const edits =
      verdict.header.fileId === TABLE_FILE && verdict.header.flags === 3 ? decodeEdits(verdict.payload) : undefined
    yield {
      ...NOTHING,
      ...place(verdict.at),
      kind: 'chunk',
      ...fieldsOf(verdict),
      edits: Array.isArray(edits) ? edits : undefined,
      message: edits !== undefined && !Array.isArray(edits) ? edits.fault : undefined,
    }
  }
}

function fieldsOf(
  verdict: ChunkVerdict & { kind: 'chunk' },
): Omit<DumpEntry, 'medium' | 'zone' | 'offset' | 'kind' | 'edits' | 'message'> {
  const { fileId, flags, epoch, use, ordinal, fileOffset, syncedOffset, payloadBytes: bytes } = verdict.header
  const owner = OWNERS.get(fileId) ?? 'file'
  return {
    owner,
    fileId,
    part: partOf(flags),
    epoch,
    use,
    ordinal,
    fileOffset,
    syncedOffset,
    bytes,
    sound: verdict.payloadOk,
  }
}
