/** A tape drive in memory: blocks and filemarks as the kernel's driver shows them, with an end and a warning before it. */

import type { TapeTransport } from '../../src/drive/tape-transport.ts'
import type { Bytes } from '../../src/index.ts'

const FILEMARK = 'filemark'

/** What stays when the cartridge leaves the drive. */
export class FakeCartridge {
  records: (Bytes | typeof FILEMARK)[] = []
  /** Most bytes; the warning comes `warningBytes` before. */
  bytesMax = Number.POSITIVE_INFINITY
  warningBytes = 0

  bytesBefore(at: number): number {
    return this.records.slice(0, at).reduce<number>((sum, record) => sum + (record === FILEMARK ? 0 : record.length), 0)
  }
}

const fail = (code: string) => Object.assign(new Error(`${code}: tape`), { code })

export class FakeTape implements TapeTransport {
  readonly blockBytesMax = 1 << 20
  readonly locates: boolean
  readonly writeProtected: boolean
  readonly cartridge: FakeCartridge
  /** Commands in order, for tests of positioning. */
  readonly commands: string[] = []
  #at = 0
  #wrote = false
  #warned = false
  /** Says nothing of where the end is, as some drives. */
  blind = false

  constructor(cartridge: FakeCartridge, o: { locates?: boolean; writeProtected?: boolean } = {}) {
    this.cartridge = cartridge
    this.locates = o.locates ?? false
    this.writeProtected = o.writeProtected ?? false
  }

  #release(): void {
    if (!this.#wrote) return
    this.#wrote = false
    this.cartridge.records.splice(this.#at, Number.POSITIVE_INFINITY, FILEMARK)
    this.#at++
  }

  #command(text: string): void {
    this.#release()
    this.commands.push(text)
  }

  async toFile(file: number, address?: number): Promise<void> {
    this.#command(`file ${file}`)
    if (this.locates && address !== undefined && address >= 0) {
      this.#at = address
      return
    }
    let at = 0
    for (let marks = 0; marks < file; at++) {
      if (at >= this.cartridge.records.length) throw fail('EIO')
      if (this.cartridge.records[at] === FILEMARK) marks++
    }
    this.#at = at
  }

  async toAddress(address: number): Promise<void> {
    this.#command(`address ${address}`)
    this.#at = address
  }

  async skipBlocks(count: number): Promise<void> {
    this.#command(`skip ${count}`)
    this.#at += count
  }

  #filesBefore(at: number): number {
    return this.cartridge.records.slice(0, at).filter((record) => record === FILEMARK).length
  }

  async toEnd(): Promise<number | undefined> {
    this.#command('end')
    this.#at = this.cartridge.records.length
    return this.blind ? undefined : this.#filesBefore(this.#at)
  }

  async tell(): Promise<number | undefined> {
    this.#release()
    return this.locates ? this.#at : undefined
  }

  async fileNumber(): Promise<number | undefined> {
    this.#release()
    return this.#filesBefore(this.#at)
  }

  async readBlock(into: Bytes): Promise<number> {
    this.#release()
    const record = this.cartridge.records[this.#at]
    if (record === undefined) throw fail('EIO')
    this.#at++
    if (record === FILEMARK) return 0
    if (record.length > into.length) throw fail('ENOMEM')
    into.set(record)
    return record.length
  }

  async writeBlock(block: Bytes): Promise<void> {
    const { records, bytesMax, warningBytes } = this.cartridge
    const bytes = this.cartridge.bytesBefore(this.#at)
    if (bytes + block.length > bytesMax) throw fail('ENOSPC')
    if (bytes + block.length > bytesMax - warningBytes) {
      this.#warned = !this.#warned
      if (this.#warned) throw fail('ENOSPC')
    }
    records.splice(this.#at, Number.POSITIVE_INFINITY, block.slice())
    this.#at++
    this.#wrote = true
  }

  async endFile(): Promise<void> {
    this.#release()
  }

  async close(): Promise<void> {
    this.#release()
  }
}
