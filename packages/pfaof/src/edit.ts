import type { Lifetime } from '@vivefs/media'
import { MEDIA_MAX, NAME_BYTES_MAX } from './superblock.ts'
import { ByteReader, ByteWriter } from './varint.ts'

/** Edits of the file table and their codec. The bytes are drawn in FORMAT.md, "File table". Tags are never renumbered. */

/** A run of chunks of one file in one zone. Offsets in bytes; `end`, `bytes`, `liveBytes` are 0 while it is written. */
export interface Extent {
  readonly medium: number
  readonly zone: number
  readonly epoch: number
  readonly use: number
  readonly start: number
  end: number
  readonly fileOffset: number
  bytes: number
  readonly ordinal: number
  liveBytes: number
}

export interface ExtentEnd {
  end: number
  bytes: number
  liveBytes: number
}

export interface SnapshotFile {
  id: number
  name: string
  size: number
}

export type Edit =
  | { tag: 'generation'; generation: number; epoch: number; createdMs: number }
  | { tag: 'epoch'; epoch: number; holder: string }
  | { tag: 'create'; id: number; name: string; lifetime: Lifetime; createdMs: number; media: number[] }
  | { tag: 'extent'; id: number; extent: Extent }
  | { tag: 'seal'; id: number; size: number; ends: ExtentEnd[] }
  | { tag: 'rename'; id: number; name: string }
  | { tag: 'delete'; id: number }
  | { tag: 'move'; id: number; extents: Extent[] }
  | { tag: 'snapshot'; name: string; createdMs: number; files: SnapshotFile[] }
  | { tag: 'dropSnapshot'; name: string }
  | { tag: 'lease'; idLimit: number }
  | {
      tag: 'file'
      id: number
      sealed: boolean
      name: string | undefined
      lifetime: Lifetime
      createdMs: number
      size: number
      media: number[]
      extents: Extent[]
    }
  | { tag: 'checkpointEnd'; files: number; snapshots: number }
  | { tag: 'next'; zone: number }
  | { tag: 'close' }
  | { tag: 'medium'; number: number; name: string; id: string; alignBytes: number }

const TAGS = {
  generation: 1,
  epoch: 2,
  create: 3,
  extent: 4,
  seal: 5,
  rename: 6,
  delete: 7,
  move: 8,
  snapshot: 9,
  dropSnapshot: 10,
  lease: 11,
  file: 12,
  checkpointEnd: 13,
  next: 14,
  close: 15,
  medium: 16,
} as const satisfies Record<Edit['tag'], number>

const NAMES = new Map<number, Edit['tag']>(Object.entries(TAGS).map(([name, tag]) => [tag, name as Edit['tag']]))
export const LIFETIMES: readonly Lifetime[] = ['short', 'medium', 'long', 'extreme']
const HOLDER_BYTES_MAX = 1024

function putExtent(out: ByteWriter, e: Extent): void {
  out.u8(e.medium).varint(e.zone).varint(e.epoch).varint(e.use).varint(e.start).varint(e.end)
  out.varint(e.fileOffset).varint(e.bytes).varint(e.ordinal).varint(e.liveBytes)
}

function getExtent(input: ByteReader): Extent {
  return {
    medium: input.u8(),
    zone: input.varint(),
    epoch: input.varint(),
    use: input.varint(),
    start: input.varint(),
    end: input.varint(),
    fileOffset: input.varint(),
    bytes: input.varint(),
    ordinal: input.varint(),
    liveBytes: input.varint(),
  }
}

function putMedia(out: ByteWriter, media: readonly number[]): void {
  out.varint(media.length)
  for (const medium of media) out.u8(medium)
}

function getList<T>(input: ByteReader, bytesEach: number, one: () => T): T[] {
  const count = input.count(bytesEach)
  const list: T[] = []
  for (let i = 0; i < count && input.ok; i++) list.push(one())
  return list
}

function putBody(out: ByteWriter, edit: Edit): void {
  switch (edit.tag) {
    case 'generation':
      out.varint(edit.generation).varint(edit.epoch).varint(edit.createdMs)
      return
    case 'epoch':
      out.varint(edit.epoch).text(edit.holder)
      return
    case 'create':
      out.varint(edit.id).text(edit.name).u8(LIFETIMES.indexOf(edit.lifetime)).varint(edit.createdMs)
      putMedia(out, edit.media)
      return
    case 'extent':
      putExtent(out.varint(edit.id), edit.extent)
      return
    case 'seal':
      out.varint(edit.id).varint(edit.size).varint(edit.ends.length)
      for (const end of edit.ends) out.varint(end.end).varint(end.bytes).varint(end.liveBytes)
      return
    case 'rename':
      out.varint(edit.id).text(edit.name)
      return
    case 'delete':
      out.varint(edit.id)
      return
    case 'move':
      out.varint(edit.id).varint(edit.extents.length)
      for (const extent of edit.extents) putExtent(out, extent)
      return
    case 'snapshot':
      out.text(edit.name).varint(edit.createdMs).varint(edit.files.length)
      for (const file of edit.files) out.varint(file.id).text(file.name).varint(file.size)
      return
    case 'dropSnapshot':
      out.text(edit.name)
      return
    case 'lease':
      out.varint(edit.idLimit)
      return
    case 'file':
      out.varint(edit.id).u8((edit.sealed ? 1 : 0) | (edit.name === undefined ? 0 : 2))
      out
        .text(edit.name ?? '')
        .u8(LIFETIMES.indexOf(edit.lifetime))
        .varint(edit.createdMs)
        .varint(edit.size)
      putMedia(out, edit.media)
      out.varint(edit.extents.length)
      for (const extent of edit.extents) putExtent(out, extent)
      return
    case 'checkpointEnd':
      out.varint(edit.files).varint(edit.snapshots)
      return
    case 'next':
      out.varint(edit.zone)
      return
    case 'close':
      return
    case 'medium':
      out.u8(edit.number).text(edit.name).text(edit.id).varint(edit.alignBytes)
      return
  }
}

function getLifetime(input: ByteReader): Lifetime {
  const lifetime = LIFETIMES[input.u8()]
  if (lifetime === undefined) input.ok = false
  return lifetime ?? 'short'
}

function getMedia(input: ByteReader): number[] {
  const media = getList(input, 1, () => input.u8())
  if (media.length > MEDIA_MAX) input.ok = false
  return media
}

function getBody(tag: Edit['tag'], input: ByteReader): Edit {
  const name = () => input.text(NAME_BYTES_MAX)
  switch (tag) {
    case 'generation':
      return { tag, generation: input.varint(), epoch: input.varint(), createdMs: input.varint() }
    case 'epoch':
      return { tag, epoch: input.varint(), holder: input.text(HOLDER_BYTES_MAX) }
    case 'create': {
      const id = input.varint()
      const called = name()
      const lifetime = getLifetime(input)
      return { tag, id, name: called, lifetime, createdMs: input.varint(), media: getMedia(input) }
    }
    case 'extent':
      return { tag, id: input.varint(), extent: getExtent(input) }
    case 'seal': {
      const id = input.varint()
      const size = input.varint()
      const end = () => ({ end: input.varint(), bytes: input.varint(), liveBytes: input.varint() })
      return { tag, id, size, ends: getList(input, 3, end) }
    }
    case 'rename':
      return { tag, id: input.varint(), name: name() }
    case 'delete':
      return { tag, id: input.varint() }
    case 'move':
      return { tag, id: input.varint(), extents: getList(input, 10, () => getExtent(input)) }
    case 'snapshot': {
      const called = name()
      const createdMs = input.varint()
      const file = () => ({ id: input.varint(), name: name(), size: input.varint() })
      return { tag, name: called, createdMs, files: getList(input, 3, file) }
    }
    case 'dropSnapshot':
      return { tag, name: name() }
    case 'lease':
      return { tag, idLimit: input.varint() }
    case 'file': {
      const id = input.varint()
      const bits = input.u8()
      const called = name()
      const lifetime = getLifetime(input)
      const createdMs = input.varint()
      const size = input.varint()
      const media = getMedia(input)
      const extents = getList(input, 10, () => getExtent(input))
      if (bits > 3) input.ok = false
      const named = (bits & 2) !== 0 ? called : undefined
      return { tag, id, sealed: (bits & 1) !== 0, name: named, lifetime, createdMs, size, media, extents }
    }
    case 'checkpointEnd':
      return { tag, files: input.varint(), snapshots: input.varint() }
    case 'next':
      return { tag, zone: input.varint() }
    case 'close':
      return { tag }
    case 'medium': {
      const number = input.u8()
      const called = name()
      const id = input.text(NAME_BYTES_MAX)
      const alignBytes = input.varint()
      if (number === 0 || number >= MEDIA_MAX || alignBytes < 8 || alignBytes > 1 << 30) input.ok = false
      return { tag, number, name: called, id, alignBytes }
    }
  }
}

/** The payload of one record: `edits` in order. The caller owns the result. */
export function encodeEdits(edits: readonly Edit[]): Buffer {
  const out = new ByteWriter()
  for (const edit of edits) {
    const body = new ByteWriter()
    putBody(body, edit)
    out.u8(TAGS[edit.tag]).varint(body.length).raw(body.take())
  }
  return out.take()
}

/** Reads a payload. Never throws on input; the verdict is the edits or the fault. */
export function decodeEdits(payload: Buffer): Edit[] | { fault: string } {
  const edits: Edit[] = []
  const input = new ByteReader(payload)
  while (input.left > 0) {
    const number = input.u8()
    const length = input.varint()
    const body = new ByteReader(input.raw(length))
    if (!input.ok) return { fault: 'an edit is cut short' }
    const tag = NAMES.get(number)
    if (tag === undefined) {
      if (number >= 128) continue
      return { fault: `edit ${number} is unknown and may not be skipped` }
    }
    const edit = getBody(tag, body)
    if (!body.ok || body.left !== 0) return { fault: `a ${tag} edit does not decode` }
    edits.push(edit)
  }
  return edits
}
