import assert from 'node:assert/strict'
import { SeededRandom } from '@vivefs/media'
import type { AppendFile } from '../append-file.ts'
import { isPfaofError } from '../error.ts'
import { runAsync } from '../op.ts'
import type { Volume } from '../volume.ts'
import { Oracle, UNKNOWN_ID } from './oracle.ts'

/** Random operations on a volume, each mirrored in an oracle. The same seed gives the same operations. */

export interface TraceOptions {
  readonly seed: number
  readonly operations: number
  /** Media for files, in order of preference. */
  readonly media: readonly string[]
  /** Largest append, default 24 KiB. */
  readonly appendBytesMax?: number
  readonly checkEvery?: number
}

const LIFETIMES = ['short', 'medium', 'long', 'extreme'] as const
/** Failures after which the trace simply goes on. */
const EXPECTED = ['PFAOF_NO_SPACE', 'PFAOF_SEALED', 'PFAOF_NOT_SEALED'] as const

export class Trace {
  readonly oracle: Oracle = new Oracle()
  readonly #random: SeededRandom
  readonly #o: TraceOptions
  #counter = 0
  readonly #open: Map<number, AppendFile> = new Map()
  /** What was done, for the message of a failure. */
  readonly log: string[] = []

  constructor(o: TraceOptions) {
    this.#o = o
    this.#random = new SeededRandom(o.seed)
  }

  /** Runs until the end or the first error, which it throws. */
  async run(volume: Volume): Promise<void> {
    for (let i = 0; i < this.#o.operations; i++) {
      await this.step(volume)
      if (this.#o.checkEvery !== undefined && i % this.#o.checkEvery === 0) await this.oracle.checkLive(volume)
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit)
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.#below(list.length)]
  }

  #bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    this.#counter = (this.#counter + 0x9e3779b9) >>> 0
    let x = this.#counter
    for (let i = 0; i < length; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0
      bytes[i] = x >>> 24
    }
    return bytes
  }

  async step(volume: Volume): Promise<void> {
    const { oracle } = this
    const names = oracle.names()
    const roll = this.#below(100)
    try {
      if (names.length === 0 || (roll < 10 && names.length < 12)) await this.#create(volume)
      else if (roll < 55) await this.#append(volume, this.#pick(names)!)
      else if (roll < 70) await this.#sync(volume, this.#pick(names)!)
      else if (roll < 77) await this.#delete(volume, this.#pick(names)!)
      else if (roll < 82) await this.#rename(volume, this.#pick(names)!)
      else if (roll < 87) await this.#seal(volume, this.#pick(names)!)
      else if (roll < 89) await this.#snapshot(volume)
      else if (roll < 91) await this.#dropSnapshot(volume)
      else if (roll < 94) await this.#move(volume, this.#pick(names)!)
      else if (roll < 96) {
        this.log.push('reclaim')
        const { table } = oracle
        if ((await volume.reclaim(this.#pick(this.#o.media)!, { liveShareMax: 0.9 })) > 0) oracle.tableDurable(table)
      } else if (roll < 98) {
        this.log.push('volume sync')
        await runAsync(volume.sync())
        oracle.tableDurable()
      } else await this.#readSome(volume, this.#pick(names)!)
    } catch (error) {
      if (!EXPECTED.some((code) => isPfaofError(error, code))) throw error
      this.log.push(`  ${(error as { code: string }).code}`)
    }
  }

  #id(name: string): number {
    return this.oracle.table.names.get(name)!
  }

  async #file(volume: Volume, name: string): Promise<AppendFile> {
    const file = await runAsync(volume.open(name))
    this.#open.set(file.id, file)
    return file
  }

  async #create(volume: Volume): Promise<void> {
    const name = `f${this.#below(20)}`
    if (this.oracle.table.names.has(name)) return
    const lifetime = this.#pick(LIFETIMES)!
    const first = this.#below(this.#o.media.length)
    const media = [...this.#o.media.slice(first), ...this.#o.media.slice(0, first)]
    const preallocateBytes = this.#random.next() < 0.3 ? 1 << 30 : 0
    this.log.push(`create ${name}`)
    this.oracle.change((names) => names.set(name, UNKNOWN_ID))
    let file: AppendFile
    try {
      file = await runAsync(volume.create({ name, media, lifetime, preallocateBytes }))
    } catch (error) {
      if (EXPECTED.some((code) => isPfaofError(error, code))) this.oracle.undo()
      throw error
    }
    this.oracle.undo()
    this.oracle.created(file.id)
    this.oracle.change((names) => names.set(name, file.id))
    this.#open.set(file.id, file)
  }

  async #append(volume: Volume, name: string): Promise<void> {
    const file = await this.#file(volume, name)
    if (file.sealed) return
    const roll = this.#random.next()
    const max = this.#o.appendBytesMax ?? 24 << 10
    const length = roll < 0.6 ? 1 + this.#below(200) : roll < 0.9 ? this.#below(6000) : this.#below(max)
    const bytes = this.#bytes(length)
    const cut = this.#below(length + 1)
    this.log.push(`append ${name} ${length}`)
    const before = this.oracle.files.get(file.id)!.size
    this.oracle.appended(file.id, bytes)
    try {
      const offset = await runAsync(file.append([bytes.subarray(0, cut), bytes.subarray(cut)]))
      assert.equal(offset, before, `offset of an append to ${name}`)
    } catch (error) {
      if (EXPECTED.some((code) => isPfaofError(error, code))) this.#takeBack(file.id, bytes)
      throw error
    }
  }

  #takeBack(id: number, bytes: Buffer): void {
    const file = this.oracle.files.get(id)!
    file.bytes.pop()
    file.size -= bytes.length
    file.ends.pop()
  }

  async #sync(volume: Volume, name: string): Promise<void> {
    const file = await this.#file(volume, name)
    const { size } = this.oracle.files.get(file.id)!
    this.log.push(`sync ${name} ${size}`)
    await runAsync(file.sync())
    assert.equal(file.syncedSize, size, `synced size of ${name}`)
    this.oracle.synced(file.id, size)
    // Edits are in one order, but a sync covers those of its own file only: its name must be there, whatever came after.
    this.oracle.durableSince(file.id)
  }

  /** An edit that failed for want of space is in the table or not, and the volume says which. */
  async #orUndo(volume: Volume, edit: () => Promise<void>): Promise<void> {
    try {
      await edit()
    } catch (error) {
      if (EXPECTED.some((code) => isPfaofError(error, code)) && !this.oracle.isLive(volume)) this.oracle.undo()
      throw error
    }
  }

  async #delete(volume: Volume, name: string): Promise<void> {
    this.log.push(`delete ${name}`)
    this.oracle.change((names) => names.delete(name))
    await this.#orUndo(volume, () => runAsync(volume.delete(name)))
  }

  async #rename(volume: Volume, name: string): Promise<void> {
    const to = `f${this.#below(20)}`
    const id = this.#id(name)
    const { size } = this.oracle.files.get(id)!
    this.log.push(`rename ${name} ${to}`)
    this.oracle.change((names) => {
      names.delete(name)
      names.set(to, id)
    })
    await this.#orUndo(volume, () => runAsync(volume.renameReplace(name, to)))
    this.oracle.synced(id, size)
    this.oracle.tableDurable()
  }

  async #seal(volume: Volume, name: string): Promise<void> {
    const file = await this.#file(volume, name)
    const { size } = this.oracle.files.get(file.id)!
    this.log.push(`seal ${name}`)
    await runAsync(file.seal())
    this.oracle.synced(file.id, size)
    this.oracle.durableSince(file.id)
  }

  async #snapshot(volume: Volume): Promise<void> {
    const name = `s${this.#below(4)}`
    if (this.oracle.table.snapshots.has(name)) return
    this.log.push(`snapshot ${name}`)
    this.oracle.change((names, snapshots) => {
      snapshots.set(
        name,
        new Map([...names].map(([file, id]) => [file, { id, size: this.oracle.files.get(id)!.size }])),
      )
    })
    await this.#orUndo(volume, () => runAsync(volume.snapshot(name)))
    for (const id of this.oracle.table.names.values()) this.oracle.synced(id, this.oracle.files.get(id)!.size)
    this.oracle.tableDurable()
  }

  async #dropSnapshot(volume: Volume): Promise<void> {
    const name = [...this.oracle.table.snapshots.keys()][0]
    if (name === undefined) return
    this.log.push(`drop snapshot ${name}`)
    this.oracle.change((_, snapshots) => snapshots.delete(name))
    await this.#orUndo(volume, () => runAsync(volume.dropSnapshot(name)))
    this.oracle.tableDurable()
  }

  async #move(volume: Volume, name: string): Promise<void> {
    const to = this.#pick(this.#o.media)!
    this.log.push(`move ${name} ${to}`)
    await volume.move(name, to)
    this.oracle.tableDurable()
  }

  async #readSome(volume: Volume, name: string): Promise<void> {
    const file = await this.#file(volume, name)
    const content = this.oracle.content(file.id)
    const offset = this.#below(file.size + 10)
    const into = Buffer.alloc(this.#below(9000))
    const got = await runAsync(file.read(offset, into))
    const want = content.subarray(offset, offset + into.length)
    assert.equal(got, want.length)
    assert(into.subarray(0, got).equals(want), `bytes of ${name} at ${offset}`)
  }
}
