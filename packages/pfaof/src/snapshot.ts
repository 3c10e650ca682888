import type { AppendFile } from './append-file.ts'
import { PfaofError } from './error.ts'
import { checkName } from './medium-set.ts'
import type { Op } from './op.ts'
import type { VolumeCore } from './volume-core.ts'

/** Snapshots of the file table: names, sizes, and a hold on every file. Nothing is copied. */
export interface SnapshotInfo {
  readonly name: string
  readonly createdMs: number
  readonly files: readonly { readonly id: number; readonly name: string; readonly size: number }[]
}

export function* takeSnapshot(core: VolumeCore, name: string): Op<void> {
  core.checkWritable()
  checkName(name, 'snapshot')
  // What the snapshot shows must not be lost by a crash after it.
  for (const id of [...core.table.names.values()]) {
    if (core.table.files.get(id)?.sealed === false) yield* core.file(id).sync()
  }
  const createdMs = Math.max(0, Math.floor(core.now()))
  yield* core.commit(() => {
    if (core.table.snapshots.has(name)) throw new PfaofError('PFAOF_EXISTS', `there is a snapshot ${name}`)
    const files = [...core.table.names].map(([fileName, id]) => {
      const record = core.table.files.get(id)!
      return { id, name: fileName, size: record.sealed ? record.size : core.file(id).syncedSize }
    })
    return [{ tag: 'snapshot', name, createdMs, files }]
  })
  yield* core.syncTable(core.serial)
}

export function* dropSnapshot(core: VolumeCore, name: string): Op<void> {
  core.checkWritable()
  yield* core.commit(
    () => {
      if (!core.table.snapshots.has(name)) throw new PfaofError('PFAOF_NOT_FOUND', `no snapshot ${name}`)
      return [{ tag: 'dropSnapshot', name }]
    },
    undefined,
    true,
  )
  yield* core.syncTable(core.serial)
}

/** A file as a snapshot holds it. */
export function openInSnapshot(core: VolumeCore, snapshot: string, name: string): AppendFile {
  core.checkReadable()
  const held = core.table.snapshots.get(snapshot)?.files.get(name)
  if (held === undefined) throw new PfaofError('PFAOF_NOT_FOUND', `no file ${name} in snapshot ${snapshot}`)
  return new SnapshotFileView(core, held.id, name, held.size)
}

class SnapshotFileView implements AppendFile {
  readonly #core: VolumeCore
  readonly id: number
  readonly name: string
  readonly size: number
  readonly syncedSize: number
  readonly sealed = true

  constructor(core: VolumeCore, id: number, name: string, size: number) {
    this.#core = core
    this.id = id
    this.name = name
    this.size = size
    this.syncedSize = size
  }

  get medium(): string | undefined {
    return this.#core.table.files.has(this.id) ? this.#file().medium : undefined
  }

  appendNow(): undefined {
    return undefined
  }

  *append(): Op<number> {
    throw new PfaofError('PFAOF_SEALED', `${this.name} belongs to a snapshot`)
  }

  readNow(offset: number, into: Uint8Array): number | undefined {
    const target = this.#cut(offset, into)
    return target.length === 0 ? 0 : this.#file().readNow(offset, target)
  }

  *read(offset: number, into: Uint8Array): Op<number> {
    const target = this.#cut(offset, into)
    return target.length === 0 ? 0 : yield* this.#file().read(offset, target)
  }

  /** As much of `into` as the snapshot has bytes from `offset`. */
  #cut(offset: number, into: Uint8Array): Uint8Array {
    if (!(offset >= 0)) throw new PfaofError('PFAOF_ARGUMENT', `offset ${offset}`)
    return into.subarray(0, Math.max(0, Math.min(into.length, this.size - offset)))
  }

  #file(): AppendFile {
    if (!this.#core.table.files.has(this.id))
      throw new PfaofError('PFAOF_NOT_FOUND', `the snapshot of ${this.name} was dropped`)
    return this.#core.file(this.id)
  }

  *sync(): Op<void> {}

  *seal(): Op<void> {}
}
