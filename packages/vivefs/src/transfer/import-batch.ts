/** Entries of an import that go in together: one transaction for many small files. */
import type { Call } from '../core/call.ts'
import { FilesystemError } from '../errors.ts'
import type { Inode } from '../format/inode.ts'
import type { Op } from '../op.ts'
import { isFatal } from './findings.ts'
import { readFully } from './host.ts'
import type { Meter } from './meter.ts'
import type { Pipeline } from './pipeline.ts'

/** Larger files do not go through a batch. */
export const SMALL_BYTES_MAX = 1024 * 1024
/** A batch is full when it has this many entries or bytes. */
const BATCH_ENTRIES = 256
const BATCH_BYTES = 1024 * 1024

/** An inode that is on its way into the volume. `ino` is 0 until it is there. */
export interface Awaited {
  ino: number
}

/** One entry's part of a batch. */
export interface Step {
  readonly path: Buffer
  /** The directory, which must be there before: without it the step is left out. */
  readonly parent: Awaited
  readonly body: (call: Call, parent: Inode) => Op<void>
  /** What the body gives a number to. */
  readonly makes?: Awaited
  readonly done: () => void
}

export class ImportBatch {
  readonly #pipeline: Pipeline
  readonly #meter: Meter
  readonly #report: (path: Buffer, error: unknown) => void
  /** The content of the files of this batch; free again when the batch is ordered. */
  readonly #arena = Buffer.allocUnsafeSlow(BATCH_BYTES + SMALL_BYTES_MAX + 1)
  #arenaUsed = 0
  #steps: Step[] = []

  /** `report` notes the error of one entry, or throws what concerns all. */
  constructor(pipeline: Pipeline, meter: Meter, report: (path: Buffer, error: unknown) => void) {
    this.#pipeline = pipeline
    this.#meter = meter
    this.#report = report
  }

  get isFull(): boolean {
    return this.#steps.length >= BATCH_ENTRIES || this.#arenaUsed >= BATCH_BYTES
  }

  add(step: Step): void {
    this.#steps.push(step)
  }

  /** Reads a file of `size` bytes, or what it has become by now; the bytes are valid until `flush` returns. */
  read(fd: number, size: number): Buffer {
    // One byte more than there should be: a growing file shows, and the end is seen without a second read.
    const bytes = readFully(fd, this.#arena, this.#arenaUsed, size + 1)
    const content = this.#arena.subarray(this.#arenaUsed, this.#arenaUsed + bytes)
    this.#arenaUsed += bytes
    return content
  }

  /** A copy of `data`, at most SMALL_BYTES_MAX, that is valid until `flush` returns. */
  copy(data: Uint8Array): Buffer {
    const copied = this.#arena.subarray(this.#arenaUsed, this.#arenaUsed + data.length)
    copied.set(data)
    this.#arenaUsed += data.length
    return copied
  }

  /** Sends what was gathered as one transaction; after a refusal each entry by itself, to find out whose it is. */
  async flush(): Promise<void> {
    const steps = this.#steps
    this.#steps = []
    if (steps.length > 0) {
      try {
        await this.#submit(steps)
        for (const step of steps) step.done()
      } catch (error) {
        if (isFatal(error)) throw error
        for (const { makes } of steps) if (makes !== undefined) makes.ino = 0
        for (const step of steps) await this.#submitAlone(step)
      }
    }
    this.#arenaUsed = 0
    await this.#meter.breathe()
  }

  async #submitAlone(step: Step): Promise<void> {
    // Its directory did not go in, which is a finding already.
    if (step.parent.ino === 0) return
    try {
      await this.#submit([step])
      step.done()
    } catch (error) {
      this.#report(step.path, error)
    }
  }

  #submit(steps: readonly Step[]): Promise<void> {
    return this.#pipeline.submit(function* (call) {
      for (const { parent, body } of steps) {
        if (parent.ino === 0) throw new FilesystemError('ENOENT')
        yield* body(call, yield* call.inode(parent.ino))
      }
    })
  }
}
