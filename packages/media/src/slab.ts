/**
 * Page-aligned memory for direct I/O, which Node does not offer by name: the engine reserves resizable ArrayBuffers and
 * growable SharedArrayBuffers by whole pages, so their byte 0 is page-aligned; Buffer.alloc gives no such thing.
 */

/** A piece of aligned memory. Its bytes belong to the holder until `give`. */
export interface Slab {
  readonly bytes: Uint8Array
}

type ResizableBuffer = new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer

/** Fresh page-aligned memory, zeroed; `bytes` should be a multiple of 4096. */
export function alignedBytes(bytes: number): Uint8Array {
  return new Uint8Array(new (ArrayBuffer as unknown as ResizableBuffer)(bytes, { maxByteLength: bytes }))
}

/** A fixed number of equal slabs. Whoever finds none waits: that is the back-pressure of direct I/O. */
export class SlabPool {
  readonly slabBytes: number
  readonly #free: Slab[] = []
  readonly #waiting: ((slab: Slab) => void)[] = []

  constructor(slabBytes: number, count: number) {
    this.slabBytes = slabBytes
    const memory = alignedBytes(slabBytes * count)
    for (let i = 0; i < count; i++) this.#free.push({ bytes: memory.subarray(i * slabBytes, (i + 1) * slabBytes) })
  }

  take(): Promise<Slab> {
    const slab = this.#free.pop()
    return slab ? Promise.resolve(slab) : new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** A slab now, or undefined when all are in use. */
  takeNow(): Slab | undefined {
    return this.#free.pop()
  }

  give(slab: Slab): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(slab)
    else next(slab)
  }
}
