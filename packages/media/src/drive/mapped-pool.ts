/**
 * A pool whose file is mapped into memory, so that an append or a read is a copy and no system call: worth it on CXL
 * and persistent memory. Node cannot map by itself; the npm package `koffi` (prebuilt, no compiler) can call the
 * system's mmap. It is loaded only when asked for and is no dependency: install it beside this package.
 */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { MediumError, toMediumError } from '../error.ts'
import { pathOption } from '../geometry.ts'
import type { Bytes } from '../medium.ts'
import { openPool, POOL_FILE, type PoolOptions } from '../pool.ts'
import { SUPERBLOCK_BYTES } from '../superblock.ts'
import type { ZoneStore } from '../zone-store.ts'
import type { ZonedMedium } from '../zoned.ts'
import { slotsBytes } from './zone-slots.ts'

export interface MappedPoolOptions extends PoolOptions {
  /** true: fails without koffi; 'auto': then the pool is opened unmapped. */
  readonly map: true | 'auto'
}

/** What we use of koffi. */
interface Koffi {
  load(library: string | null): { func(declaration: string): (...args: unknown[]) => unknown }
  address(pointer: unknown): bigint
  view?(pointer: unknown, length: number): ArrayBuffer
}

interface Mapping {
  readonly bytes: Bytes
  unmap(): void
}

const PROT_READ = 1
const PROT_WRITE = 2
const MAP_SHARED = 1
const MAP_FAILED = 2n ** 64n - 1n

async function loadKoffi(): Promise<Koffi | undefined> {
  // A name that bundlers and type checkers do not follow: it is there or it is not.
  const name = 'koffi'
  try {
    const found = (await import(name)) as { default?: Koffi } & Koffi
    return found.default ?? found
  } catch {
    return undefined
  }
}

function mapFile(koffi: Koffi, path: string, writable: boolean): Mapping {
  if (koffi.view === undefined) throw new MediumError('MEDIA_NOT_SUPPORTED', 'this version of koffi has no view()')
  const library = koffi.load(null)
  const mmap = library.func('void *mmap(void *address, size_t length, int prot, int flags, int fd, int64_t offset)')
  const munmap = library.func('int munmap(void *address, size_t length)')
  const fd = openSync(path, writable ? 'r+' : 'r')
  try {
    const length = fstatSync(fd).size
    const pointer = mmap(null, length, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0)
    if (koffi.address(pointer) === MAP_FAILED) throw new MediumError('MEDIA_IO', `${path} cannot be mapped`)
    return { bytes: new Uint8Array(koffi.view(pointer, length)), unmap: () => void munmap(pointer, length) }
  } finally {
    closeSync(fd)
  }
}

/** Bytes of zones by the mapping; states, order and durability by the file below. */
class MappedZones implements ZoneStore {
  readonly #inner: ZoneStore
  #mapping: Mapping | undefined
  readonly #dataAt: number
  readonly #zoneBytes: number

  constructor(inner: ZoneStore, mapping: Mapping, zoneCount: number, zoneBytes: number) {
    this.#inner = inner
    this.#mapping = mapping
    this.#dataAt = SUPERBLOCK_BYTES + slotsBytes(zoneCount)
    this.#zoneBytes = zoneBytes
  }

  get cells() {
    return this.#inner.cells
  }

  refresh(zone: number): void {
    this.#inner.refresh(zone)
  }

  exclusively<T>(zone: number, change: () => T): T {
    return this.#inner.exclusively(zone, change)
  }

  #piece(zone: number, offset: number, length: number): Bytes {
    if (this.#mapping === undefined) throw new MediumError('MEDIA_CLOSED', 'the pool is not mapped any more')
    const at = this.#dataAt + zone * this.#zoneBytes + offset
    return this.#mapping.bytes.subarray(at, at + length)
  }

  write(zone: number, offset: number, parts: readonly Bytes[]): void {
    let at = offset
    for (const part of parts) {
      this.#piece(zone, at, part.length).set(part)
      at += part.length
    }
  }

  read(zone: number, offset: number, into: Bytes): void {
    into.set(this.#piece(zone, offset, into.length))
  }

  zero(zone: number, from: number, to: number): void {
    this.#piece(zone, from, to - from).fill(0)
  }

  /** Syncing the file writes back what was changed through a shared mapping too. */
  sync(): void {
    this.#inner.sync()
  }

  syncLater(): Promise<void> {
    return this.#inner.syncLater()
  }

  async close(): Promise<void> {
    const mapping = this.#mapping
    this.#mapping = undefined
    mapping?.unmap()
    await this.#inner.close()
  }
}

/**
 * Opens or creates a pool and maps it. Errors: those of `openPool`, and MEDIA_NOT_SUPPORTED without koffi (`map: true`).
 */
export async function openMappedPool(options: MappedPoolOptions): Promise<ZonedMedium> {
  const { map, ...rest } = options
  if (map !== true && map !== 'auto') throw new MediumError('MEDIA_ARGUMENT', `map must be true or 'auto'`)
  const path = join(pathOption(rest.path), POOL_FILE)
  const koffi = await loadKoffi()
  if (koffi === undefined) {
    if (map === 'auto') return openPool(rest)
    throw new MediumError('MEDIA_NOT_SUPPORTED', 'mapping needs the npm package koffi, which is not installed')
  }
  try {
    // The file exists by the time that its store is there.
    return openPool(rest, {
      spec: { map },
      through: (store, { zoneCount, zoneBytes }) =>
        new MappedZones(store, mapFile(koffi, path, rest.readOnly !== true), zoneCount, zoneBytes),
    })
  } catch (error) {
    throw toMediumError(error, 'open')
  }
}
