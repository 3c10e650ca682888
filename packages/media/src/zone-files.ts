/**
 * The open files of a `directory` medium: at most `handlesMax` at a time. A file that is in use stays open, a dirty one
 * is synced before it is closed; if that fails, the next flush reports it.
 */
import { existsSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { SlabPool } from './slab.ts'
import { ZoneFile } from './zone-file.ts'

export class ZoneFiles {
  readonly directory: string
  readonly #readOnly: boolean
  readonly #handlesMax: number
  readonly #slabs: SlabPool | undefined
  readonly #open = new Map<number, ZoneFile>()
  #failure: unknown
  #uses = 0
  /** Entries were made or removed since the directory was last synced. */
  entriesDirty = false

  constructor(directory: string, o: { readOnly: boolean; handlesMax: number; slabs: SlabPool | undefined }) {
    this.directory = directory
    this.#readOnly = o.readOnly
    this.#handlesMax = o.handlesMax
    this.#slabs = o.slabs
  }

  pathOf(zone: number): string {
    return join(this.directory, `${String(zone).padStart(8, '0')}.zone`)
  }

  /** The zone that a file name stands for. */
  static zoneOf(name: string): number | undefined {
    const match = /^(\d{8,10})\.zone$/.exec(name)
    return match === null ? undefined : Number(match[1])
  }

  exists(zone: number): boolean {
    return this.#open.has(zone) || existsSync(this.pathOf(zone))
  }

  /** The zone's file; undefined when there is none and `create` is false. */
  get(zone: number, create: boolean): ZoneFile | undefined {
    const open = this.#open.get(zone)
    if (open !== undefined) {
      open.lastUse = ++this.#uses
      return open
    }
    const path = this.pathOf(zone)
    const exists = existsSync(path)
    if (!exists && !create) return undefined
    this.#evict()
    const file = new ZoneFile(path, { create, readOnly: this.#readOnly, slabs: this.#slabs })
    file.lastUse = ++this.#uses
    if (!exists) this.entriesDirty = true
    this.#open.set(zone, file)
    return file
  }

  #evict(): void {
    if (this.#open.size < this.#handlesMax) return
    const idle = [...this.#open].filter(([, file]) => !file.busy).sort(([, a], [, b]) => a.lastUse - b.lastUse)
    const [zone, file] = idle.find(([, candidate]) => !candidate.dirty) ?? idle[0] ?? []
    if (zone === undefined || file === undefined) return
    try {
      if (file.dirty) file.syncNow()
    } catch (error) {
      this.#failure ??= error
    }
    this.forget(zone)
  }

  /** Closes the zone's file. */
  forget(zone: number): void {
    const file = this.#open.get(zone)
    this.#open.delete(zone)
    file?.close()
  }

  /** Removes the zone's file. */
  remove(zone: number): void {
    this.forget(zone)
    unlinkSync(this.pathOf(zone))
    this.entriesDirty = true
  }

  /** Files to sync; throws what an earlier sync at eviction met. */
  takeDirty(): ZoneFile[] {
    if (this.#failure !== undefined) throw this.#failure
    return [...this.#open.values()].filter((file) => file.dirty)
  }

  close(): void {
    for (const file of this.#open.values()) file.close()
    this.#open.clear()
  }
}
