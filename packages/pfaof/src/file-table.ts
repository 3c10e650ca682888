import type { Lifetime } from '@vivefs/media'
import type { Edit, Extent, SnapshotFile } from './edit.ts'

/**
 * The file table in memory: the state that edits lead to. `apply` is the only way to change it, for a writer, for recovery
 * and for a follower alike; it checks an edit before it changes anything.
 */

export interface FileRecord {
  readonly id: number
  /** undefined: deleted, but held by a snapshot. */
  name: string | undefined
  readonly lifetime: Lifetime
  readonly createdMs: number
  /** Numbers of the media in order of preference. */
  readonly media: readonly number[]
  sealed: boolean
  /** Bytes; 0 until sealed. */
  size: number
  extents: Extent[]
  /** Snapshots that hold it. */
  pins: number
}

export interface SnapshotRecord {
  readonly createdMs: number
  readonly files: ReadonlyMap<string, SnapshotFile>
}

/** A medium that is not in the superblock. It keeps no table. */
export interface AddedMedium {
  readonly number: number
  readonly name: string
  /** `Medium.id`. */
  readonly id: string
  readonly alignBytes: number
}

/** The smallest id of a file; those below belong to the volume itself. */
export const FILE_ID_FIRST = 16

export class FileTable {
  readonly files: Map<number, FileRecord> = new Map()
  readonly names: Map<string, number> = new Map()
  readonly snapshots: Map<string, SnapshotRecord> = new Map()
  /** Media that were added after the volume's creation, in order of number. */
  readonly addedMedia: AddedMedium[] = []
  generation = 0
  epoch = 0
  createdMs = 0
  idLimit: number = FILE_ID_FIRST
  /** The last edit was `close`: every file is sealed and nothing has to be scanned. */
  closed = false
  /** Told about every extent that left the table. */
  onFreed: (extents: readonly Extent[], id: number) => void = () => {}

  /** Applies an edit, or says why it cannot be: then nothing changed. */
  apply(edit: Edit): string | undefined {
    const fault = this.#check(edit)
    if (fault !== undefined) return fault
    this.closed = edit.tag === 'close'
    switch (edit.tag) {
      case 'generation':
        this.generation = edit.generation
        this.epoch = edit.epoch
        this.createdMs = edit.createdMs
        return
      case 'epoch':
        this.epoch = edit.epoch
        return
      case 'create':
      case 'file': {
        const sealed = edit.tag === 'file' && edit.sealed
        const { id, name, lifetime, createdMs, media } = edit
        const size = edit.tag === 'file' ? edit.size : 0
        const extents = edit.tag === 'file' ? edit.extents.map((extent) => ({ ...extent })) : []
        this.files.set(id, { id, name, lifetime, createdMs, media: [...media], sealed, size, extents, pins: 0 })
        if (name !== undefined) this.names.set(name, id)
        return
      }
      case 'extent':
        this.files.get(edit.id)!.extents.push({ ...edit.extent })
        return
      case 'seal':
        this.#seal(edit)
        return
      case 'rename': {
        const file = this.files.get(edit.id)!
        const victim = this.names.get(edit.name)
        if (victim === edit.id) return
        if (victim !== undefined) this.#unname(this.files.get(victim)!)
        if (file.name !== undefined) this.names.delete(file.name)
        file.name = edit.name
        this.names.set(edit.name, edit.id)
        return
      }
      case 'delete':
        this.#unname(this.files.get(edit.id)!)
        return
      case 'move': {
        const file = this.files.get(edit.id)!
        const before = file.extents
        file.extents = edit.extents.map((extent) => ({ ...extent }))
        const kept = new Set(file.extents.map(extentKey))
        this.onFreed(
          before.filter((extent) => !kept.has(extentKey(extent))),
          file.id,
        )
        return
      }
      case 'snapshot':
        for (const file of edit.files) this.files.get(file.id)!.pins++
        this.snapshots.set(edit.name, {
          createdMs: edit.createdMs,
          files: new Map(edit.files.map((file) => [file.name, { ...file }])),
        })
        return
      case 'dropSnapshot': {
        const snapshot = this.snapshots.get(edit.name)!
        this.snapshots.delete(edit.name)
        for (const { id } of snapshot.files.values()) {
          const file = this.files.get(id)!
          file.pins--
          this.#dropIfFree(file)
        }
        return
      }
      case 'lease':
        this.idLimit = edit.idLimit
        return
      case 'medium': {
        const { number, name, id, alignBytes } = edit
        this.addedMedia.push({ number, name, id, alignBytes })
        return
      }
      case 'checkpointEnd':
      case 'next':
      case 'close':
        return
    }
  }

  /** The whole table as edits, from `generation` to `checkpointEnd`. */
  *checkpoint(generation: number): Generator<Edit> {
    yield { tag: 'generation', generation, epoch: this.epoch, createdMs: this.createdMs }
    yield { tag: 'lease', idLimit: this.idLimit }
    for (const medium of this.addedMedia) yield { tag: 'medium', ...medium }
    for (const { pins: _, ...file } of this.files.values()) yield { tag: 'file', ...file, media: [...file.media] }
    for (const [name, { createdMs, files }] of this.snapshots) {
      yield { tag: 'snapshot', name, createdMs, files: [...files.values()] }
    }
    yield { tag: 'checkpointEnd', files: this.files.size, snapshots: this.snapshots.size }
    if (this.closed) yield { tag: 'close' }
  }

  #check(edit: Edit): string | undefined {
    switch (edit.tag) {
      case 'create':
      case 'file':
        if (edit.id < FILE_ID_FIRST || this.files.has(edit.id)) return `file id ${edit.id} is used twice`
        if (edit.id >= this.idLimit) return `file id ${edit.id} lies outside the lease (I9)`
        if (edit.name !== undefined && this.names.has(edit.name)) return `two files are called ${edit.name}`
        return
      case 'extent':
        if (this.files.get(edit.id)?.sealed !== false) return `an extent of file ${edit.id}, which is sealed or gone`
        return
      case 'seal': {
        const file = this.files.get(edit.id)
        if (file?.sealed !== false) return `a seal of file ${edit.id}, which is sealed or gone`
        if (edit.ends.length > file.extents.length) return `a seal of more extents than file ${edit.id} has`
        if (sum(edit.ends) !== edit.size) return `the sealed extents of file ${edit.id} do not add up`
        return
      }
      case 'rename':
      case 'delete':
        return this.files.get(edit.id)?.name === undefined
          ? `a ${edit.tag} of file ${edit.id}, which is gone`
          : undefined
      case 'move': {
        const file = this.files.get(edit.id)
        if (file?.sealed !== true) return `a move of file ${edit.id}, which is not sealed`
        return sum(edit.extents) === file.size ? undefined : `the moved extents of file ${edit.id} do not add up`
      }
      case 'snapshot': {
        if (this.snapshots.has(edit.name)) return `two snapshots are called ${edit.name}`
        const lost = edit.files.find((file) => !this.files.has(file.id))
        return lost === undefined ? undefined : `snapshot ${edit.name} holds file ${lost.id}, which is gone`
      }
      case 'dropSnapshot':
        return this.snapshots.has(edit.name) ? undefined : `there is no snapshot ${edit.name} to drop`
      case 'lease':
        return edit.idLimit < this.idLimit ? 'the lease of file ids shrinks (I9)' : undefined
      case 'medium': {
        const last = this.addedMedia[this.addedMedia.length - 1]
        if (last !== undefined && edit.number !== last.number + 1) return `medium ${edit.number} follows ${last.number}`
        const twin = this.addedMedia.find(({ name, id }) => name === edit.name || id === edit.id)
        return twin === undefined ? undefined : `medium ${edit.name} is added twice`
      }
      case 'epoch':
        return edit.epoch < this.epoch ? 'the epoch shrinks (I11)' : undefined
      case 'checkpointEnd':
        if (edit.files !== this.files.size) return `the checkpoint has ${this.files.size} files, not ${edit.files}`
        return edit.snapshots === this.snapshots.size ? undefined : 'the checkpoint lacks a snapshot'
      default:
        return
    }
  }

  #seal(edit: Edit & { tag: 'seal' }): void {
    const file = this.files.get(edit.id)!
    file.sealed = true
    file.size = edit.size
    const dropped: Extent[] = []
    file.extents = file.extents.filter((extent, i) => {
      const end = edit.ends[i]
      if (end === undefined || end.bytes === 0) {
        dropped.push(extent)
        return false
      }
      Object.assign(extent, end)
      return true
    })
    this.onFreed(dropped, file.id)
  }

  #unname(file: FileRecord): void {
    this.names.delete(file.name!)
    file.name = undefined
    this.#dropIfFree(file)
  }

  #dropIfFree(file: FileRecord): void {
    if (file.name !== undefined || file.pins > 0) return
    this.files.delete(file.id)
    this.onFreed(file.extents, file.id)
  }
}

/** Tells extents apart. */
export function extentKey(extent: Extent): string {
  return `${extent.medium}/${extent.zone}/${extent.epoch}/${extent.use}/${extent.start}`
}

function sum(ends: readonly { readonly bytes: number }[]): number {
  let bytes = 0
  for (const end of ends) bytes += end.bytes
  return bytes
}
