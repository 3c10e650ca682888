/**
 * `object`: a simulated object store. A zone is one object, put whole by its only append and refused when it exists;
 * beside the zones the caller has keys of its own with create-once, which is what fencing between hosts stands on.
 *
 *   vivefs/superblock     superblock (superblock.ts), kind object
 *   zone/NNNNNNNN         the bytes of a zone
 *   key/<key>             what createOnce and put wrote
 *
 * Any number of instances may have one store open: the store refuses the second to create a zone or a key.
 * Source: the one conditional that every S3-like server honours, `If-None-Match: *` on a plain PUT.
 */
import { randomUUID } from 'node:crypto'
import { BaseMedium } from './base.ts'
import { checkBody } from './device.ts'
import { MediumError, toMediumError } from './error.ts'
import { capsOf, costOption, geometryOption, pathOption } from './geometry.ts'
import type { Imageable, MediumImage, ZoneImage } from './image.ts'
import type { Bytes, Medium, MediumCost, ZoneReport } from './medium.ts'
import { DirectoryObjects, MemoryObjects, type ObjectStore } from './object-store.ts'
import { encodeSuperblock, readSuperblock, SUPERBLOCK_BYTES } from './superblock.ts'
import { sleepMs } from './timing.ts'

export interface ObjectOptions {
  /** A directory for the objects; absent: in memory. */
  readonly path?: string
  /** Most zones; default 4096. */
  readonly zoneCount?: number
  /** Largest object; default 64 MiB. */
  readonly zoneBytes?: number
  /** The identity that is expected. */
  readonly id?: string
  readonly sleep?: boolean
  readonly cost?: Partial<MediumCost>
}

const COST: MediumCost = { seekMs: 30, readMBps: 100, writeMBps: 80, streamMBpsMin: 0, mountMs: 0 }
const SUPERBLOCK_KEY = 'vivefs/superblock'
/** As the common servers have it. */
export const KEY_BYTES_MAX = 80
const zoneKey = (zone: number) => `zone/${String(zone).padStart(8, '0')}`

function identityOf(store: ObjectStore, options: ObjectOptions, shape: { readonly [key: string]: number }): string {
  const where = options.path ?? 'object store'
  try {
    if (store.size(SUPERBLOCK_KEY) === undefined) {
      if (options.id !== undefined && options.path !== undefined) {
        throw new MediumError('MEDIA_NOT_FOUND', `no object medium at ${where}`)
      }
      // Two may try at once; both then read what the first one wrote.
      store.createOnce(SUPERBLOCK_KEY, encodeSuperblock('object', { id: options.id ?? randomUUID(), ...shape }))
    }
    const block = new Uint8Array(SUPERBLOCK_BYTES)
    const read = store.read(SUPERBLOCK_KEY, 0, block) ?? 0
    const body = readSuperblock(block.subarray(0, read), 'object', where, options.id)
    checkBody(body, shape, where)
    return body.id
  } catch (error) {
    throw toMediumError(error, 'open')
  }
}

function storeAt(path: string | undefined): ObjectStore {
  try {
    return path === undefined ? new MemoryObjects() : new DirectoryObjects(pathOption(path))
  } catch (error) {
    throw toMediumError(error, 'open')
  }
}

export class ObjectMedium extends BaseMedium implements Imageable {
  /** The store below; a second instance can be opened on it. */
  readonly store: ObjectStore
  readonly #options: ObjectOptions

  constructor(options: ObjectOptions = {}, store?: ObjectStore) {
    const geometry = geometryOption(options, { zoneCount: 4096, zoneBytes: 64 << 20 })
    const objects = store ?? storeAt(options.path)
    const id = identityOf(objects, options, { ...geometry })
    const where = options.path === undefined ? {} : { path: options.path, id }
    super({
      id,
      spec: { kind: 'object', ...geometry, sleep: options.sleep ?? false, cost: { ...options.cost }, ...where },
      caps: capsOf({
        ...geometry,
        zoneCapacityBytes: geometry.zoneBytes,
        appendBytesMax: geometry.zoneBytes,
        appendBytesOptimal: Math.min(8 << 20, geometry.zoneBytes),
        append: 'whole-object',
        overwrite: 'never',
        reclaim: 'delete',
        durability: 'immediate',
        sync: false,
        removable: true,
        sharing: 'hosts',
        reopenable: options.path !== undefined,
        fencing: 'create-once',
        cost: costOption(COST, options.cost),
      }),
      readsAtOnce: 8,
    })
    this.store = objects
    this.#options = options
  }

  /** Every request costs the same way; only ranges that continue the last one are spared the latency. */
  async #spend(zone: number, offset: number, bytes: number, write: boolean): Promise<void> {
    const ms = this.timing.access(zone * this.caps.zoneBytes + offset, bytes, write)
    if (this.#options.sleep === true) await sleepMs(ms)
  }

  #taken(zone: number): MediumError {
    return new MediumError('MEDIA_ZONE_STATE', `zone ${zone} exists: an object is written once`, { zone })
  }

  protected override async doAppend(zone: number, parts: readonly Bytes[], bytes: number): Promise<number> {
    if (!this.store.createOnce(zoneKey(zone), Buffer.concat(parts as Bytes[]))) throw this.#taken(zone)
    await this.#spend(zone, 0, bytes, true)
    return 0
  }

  protected override async doRead(zone: number, offset: number, into: Bytes): Promise<number> {
    const bytes = this.store.read(zoneKey(zone), offset, into) ?? 0
    await this.#spend(zone, offset, bytes, false)
    return bytes
  }

  /** Everything is durable when it returned. */
  protected override doFlush(): void {}

  protected override doFinish(zone: number): void {
    this.store.createOnce(zoneKey(zone), new Uint8Array(0))
  }

  protected override doReset(zone: number): void {
    this.store.delete(zoneKey(zone))
  }

  protected override doReport(): readonly ZoneReport[] {
    const present = new Set(this.store.list('zone/'))
    return Array.from({ length: this.caps.zoneCount }, (_, zone) => {
      const key = zoneKey(zone)
      const pointer = present.has(key) ? (this.store.size(key) ?? 0) : 0
      return { zone, state: present.has(key) ? 'full' : 'empty', pointer, capacityBytes: this.caps.zoneCapacityBytes }
    })
  }

  protected override doClose(): void {}

  // ---- keys ----

  #key(key: unknown): string {
    this.checkWritable()
    const bytes = new TextEncoder().encode(typeof key === 'string' ? key : '')
    // Decoding gives the same text back unless a surrogate stands alone.
    const sound = typeof key === 'string' && new TextDecoder().decode(bytes) === key && !key.includes('\0')
    if (!sound || bytes.length < 1 || bytes.length > KEY_BYTES_MAX) {
      throw new MediumError('MEDIA_ARGUMENT', `a key has 1..${KEY_BYTES_MAX} bytes of UTF-8 without NUL`)
    }
    return `key/${key}`
  }

  #object(bytes: unknown): Bytes {
    if (!(bytes instanceof Uint8Array) || bytes.length > this.caps.zoneBytes) {
      throw new MediumError('MEDIA_ARGUMENT', `an object is a Uint8Array of at most ${this.caps.zoneBytes} bytes`)
    }
    return bytes
  }

  async createOnce(key: string, bytes: Bytes): Promise<boolean> {
    const [name, object] = [this.#key(key), this.#object(bytes)]
    return this.measure(
      'key',
      () => object.length,
      () => this.store.createOnce(name, object),
    )
  }

  /** Puts a whole object, over an existing one. */
  async put(key: string, bytes: Bytes): Promise<void> {
    const [name, object] = [this.#key(key), this.#object(bytes)]
    await this.measure(
      'key',
      () => object.length,
      () => this.store.put(name, object),
    )
  }

  async readKey(key: string, range?: { readonly offset: number; readonly length: number }): Promise<Bytes | undefined> {
    const name = this.#key(key)
    const whole = (value: number) => Number.isSafeInteger(value) && value >= 0
    if (range !== undefined && !(whole(range.offset) && whole(range.length))) {
      throw new MediumError('MEDIA_ARGUMENT', 'a range has an offset and a length from 0')
    }
    return this.measure(
      'key',
      (found: Bytes | undefined) => found?.length ?? 0,
      () => {
        const size = this.store.size(name)
        if (size === undefined) return undefined
        const offset = Math.min(size, range?.offset ?? 0)
        const into = new Uint8Array(Math.min(size - offset, range?.length ?? size))
        const read = this.store.read(name, offset, into)
        return read === undefined ? undefined : into.subarray(0, read)
      },
    )
  }

  async listKeys(prefix: string): Promise<readonly string[]> {
    this.checkOpen()
    if (typeof prefix !== 'string') throw new MediumError('MEDIA_ARGUMENT', 'a prefix is a string')
    return this.measure(
      'key',
      () => 0,
      () => this.store.list(`key/${prefix}`).map((key) => key.slice(4)),
    )
  }

  async deleteKey(key: string): Promise<boolean> {
    const name = this.#key(key)
    return this.measure(
      'key',
      () => 0,
      () => this.store.delete(name),
    )
  }

  /** See {@link Imageable}. */
  async image(): Promise<MediumImage> {
    const read = (key: string): Bytes => {
      const bytes = new Uint8Array(this.store.size(key) ?? 0)
      this.store.read(key, 0, bytes)
      return bytes
    }
    const zones = this.store.list('zone/').map((key): ZoneImage => {
      const bytes = read(key)
      return { zone: Number(key.slice(5)), state: 'full', pointer: bytes.length, type: 'sequential', bytes }
    })
    return { zones, keys: new Map(this.store.list('key/').map((key) => [key.slice(4), read(key)])) }
  }

  /** See {@link Imageable}. The twin lies in memory. */
  async twin(image: MediumImage): Promise<Medium> {
    const { path: _path, ...rest } = this.#options
    const twin = new ObjectMedium({ ...rest, id: this.id })
    for (const { zone, bytes } of image.zones) twin.store.put(zoneKey(zone), bytes)
    for (const [key, bytes] of image.keys) twin.store.put(`key/${key}`, bytes)
    return twin
  }
}

/** Opens or creates an object medium. Errors: MEDIA_ARGUMENT, MEDIA_FORMAT, MEDIA_WRONG_MEDIUM, MEDIA_NOT_FOUND, MEDIA_IO. */
export function openObject(options: ObjectOptions = {}, store?: ObjectStore): ObjectMedium {
  return new ObjectMedium(options, store)
}
