import type { AppendFile } from '@vivefs/pfaof'
import type { BlobFiles } from '../blob/blob-files.ts'
import { BlobOutputs } from '../blob/blob-outputs.ts'
import type { ValueItem } from '../blob/value-sink.ts'
import type { Bytes } from '../bytes.ts'
import { LevelError } from '../error.ts'
import type { Op } from '../op.ts'
import { encodeIndexHeader } from '../storage/indexed-file.ts'
import { fileName, type Storage } from '../storage/storage.ts'
import { ChunkMemory } from '../table/chunk-memory.ts'
import { decodeFooter, endOffset, FOOTER_BYTES } from '../table/layout.ts'
import type { TableMeta } from '../table-meta.ts'
import type { OutputPlan } from './placements.ts'
import type { TableStore } from './table-writer.ts'

/** A table that is being written. */
interface Output {
  readonly file: AppendFile
  /** The bytes appended last, where a copy of the table's end is wanted: they may be somebody else's by then. */
  last: Buffer | undefined
}

/** The files that a job writes, tables and values, on the thread that owns the storage. */
export class TableFiles implements TableStore {
  readonly #storage: Storage
  readonly #plan: OutputPlan
  readonly #outputs = new Map<number, Output>()
  /** Copies of the ends of tables. */
  readonly #copies: AppendFile[] = []
  bytesWritten = 0
  /** Of jobs on this thread; those of workers have their own there. */
  readonly chunks: ChunkMemory = new ChunkMemory()
  readonly blobs: BlobOutputs

  constructor(storage: Storage, plan: OutputPlan, blobs: BlobFiles) {
    this.blobs = new BlobOutputs(storage, blobs, plan.blobs)
    this.#storage = storage
    this.#plan = plan
  }

  *write(table: number, parts: readonly Bytes[]): Op<void> {
    let output = this.#outputs.get(table)
    if (output === undefined) {
      const file = yield* this.#storage.create('table', table, this.#plan.table(table))
      output = { file, last: undefined }
      this.#outputs.set(table, output)
    }
    const { file } = output
    const before = file.size
    yield* file.append(parts)
    this.bytesWritten += file.size - before
    if (this.#plan.table(table).placement?.index !== undefined) output.last = Buffer.concat(parts)
  }

  *end(meta: TableMeta): Op<void> {
    const output = this.#outputs.get(meta.number)
    const size = output?.file.size
    if (size !== meta.bytes) {
      const name = fileName('table', meta.number)
      throw new LevelError('LEVEL_CORRUPTION', `${name} has ${size} bytes, its builder wrote ${meta.bytes}`)
    }
    if (output?.last !== undefined) yield* this.#copyEnd(meta.number, output.file, output.last)
  }

  /** Index and filters of a table that lies where reading them would take long. */
  *#copyEnd(number: number, file: AppendFile, last: Buffer): Op<void> {
    const media = this.#plan.table(number).placement!.index!
    const footer = decodeFooter(last.subarray(Math.max(0, last.length - FOOTER_BYTES)), file.size)
    if ('damage' in footer || 'later' in footer) throw new Error('a table ends without its footer')
    const start = endOffset(footer)
    let end = last.subarray(Math.max(0, last.length - (file.size - start)))
    if (end.length < file.size - start) {
      end = Buffer.allocUnsafeSlow(file.size - start)
      yield* file.read(start, end)
    }
    const options = { bytesExpected: end.length, placement: { media }, reason: 'index' } as const
    const copy = yield* this.#storage.create('index', number, options)
    this.#copies.push(copy)
    yield* copy.append([encodeIndexHeader(number, start), end])
  }

  values(file: number, items: readonly ValueItem[]): Op<void> {
    return this.blobs.append(file, items)
  }

  /** Makes the files durable, for ever as they are. */
  *seal(): Op<void> {
    yield* this.blobs.seal()
    for (const { file } of this.#outputs.values()) yield* file.seal()
    for (const copy of this.#copies) yield* copy.seal()
  }

  /** Tables of which loss of power takes some or all. */
  get forgotten(): number[] {
    return [...this.#outputs.keys()].filter((table) => this.#storage.forgets('table', table))
  }

  /** Removes what was written: the job failed, and no version knows of it. */
  *discard(): Op<void> {
    yield* this.blobs.discard()
    for (const table of this.#outputs.keys()) yield* this.#storage.remove('table', table)
    this.#outputs.clear()
    this.#copies.length = 0
    this.bytesWritten = 0
  }
}
