/** Damage to references and loans: fsck names it, a repair puts it right, and what was not damaged is still there. */
import { constants } from 'node:fs'
import type { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { inodeKey } from '../../src/format/keys.ts'
import {
  decodeLoan,
  decodeReference,
  encodeLoan,
  encodeReference,
  type Loan,
  loanKey,
  type Place,
  type Reference,
  referenceKey,
} from '../../src/format/loan.ts'
import type { FsckCode } from '../../src/fsck/finding.ts'
import { runAsync } from '../../src/op.ts'
import { type BareVolume, memoryDatabase, openBare, root } from '../bare-volume.ts'
import { fingerprint } from '../model/fingerprint.ts'

const EXTENT = 4096
const BYTES = 3 * EXTENT

class Image {
  readonly database: MemoryLevel<Buffer, Buffer> = memoryDatabase()
  /** Of the source, and of both clones, in the order in which they were made. */
  readonly inos: number[] = []

  async get(key: Uint8Array): Promise<Buffer> {
    const row = await this.database.get(Buffer.from(key))
    if (row === undefined) throw new Error(`no row ${Buffer.from(key).toString('hex')}`)
    return row
  }

  put(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.database.put(Buffer.from(key), Buffer.from(value))
  }

  del(key: Uint8Array): Promise<void> {
    return this.database.del(Buffer.from(key))
  }

  async flip(key: Uint8Array): Promise<void> {
    const row = Buffer.from(await this.get(key))
    row[row.length - 1]! ^= 0x10
    await this.put(key, row)
  }

  /** Where clone `n` has extent `index`. */
  reference = (n: number, index: number): Place => ({ ino: this.inos[n]!, epoch: 0, index })
  /** Where what it refers to lies. */
  origin = (index: number): Place => ({ ino: this.inos[0]!, epoch: 0, index })

  async editLoan(place: Place, change: Partial<Loan>): Promise<void> {
    const key = loanKey(place)
    const verdict = decodeLoan(key, await this.get(key))
    if (!verdict.ok) throw new Error(verdict.fault)
    await this.put(key, encodeLoan(key, { ...verdict.value, ...change }))
  }

  async editReference(place: Place, change: Partial<Reference>): Promise<void> {
    const key = referenceKey(place)
    const verdict = decodeReference(key, await this.get(key))
    if (!verdict.ok) throw new Error(verdict.fault)
    await this.put(key, encodeReference(key, { ...verdict.value, ...change }))
  }
}

async function handleOf(volume: BareVolume, name: string): Promise<Uint8Array> {
  return (await runAsync(volume.fsal.lookup(root, volume.fsal.root(), { name: Buffer.from(name) }))).handle
}

/** /source of three extents, /one and /two clones of it; the last extent of the source was written anew. */
async function makeImage(): Promise<Image> {
  const image = new Image()
  const volume = await openBare(image.database, { extentBytes: EXTENT })
  const { fsal } = volume
  for (const name of ['source', 'one', 'two']) {
    const made = await runAsync(fsal.create(root, fsal.root(), { name: Buffer.from(name), mode: 0o644 }))
    image.inos.push(made.attributes.ino)
  }
  const source = await handleOf(volume, 'source')
  await runAsync(fsal.write(root, source, { offset: 0, data: Buffer.alloc(BYTES, 's') }))
  const file = await runAsync(fsal.open(root, source, { flags: constants.O_RDWR }))
  for (const name of ['one', 'two']) {
    const to = await runAsync(fsal.open(root, await handleOf(volume, name), { flags: constants.O_RDWR }))
    expect(await runAsync(fsal.copyRange(root, { file, offset: 0, to, toOffset: 0, length: BYTES }))).toBe(BYTES)
    await runAsync(fsal.close(to))
  }
  await runAsync(fsal.close(file))
  await runAsync(fsal.write(root, source, { offset: 2 * EXTENT, data: Buffer.alloc(EXTENT, 'n') }))
  expect((await volume.fsck()).findings).toEqual([])
  await volume.close()
  return image
}

interface Damage {
  readonly what: string
  readonly codes: readonly FsckCode[]
  readonly spoil: (image: Image) => Promise<void>
  /** Names of files that may be other than they were. */
  readonly touches?: readonly string[]
}

const damages: readonly Damage[] = [
  {
    what: 'a loan counts one too many',
    codes: ['LOAN'],
    spoil: (image) => image.editLoan(image.origin(0), { references: 3 }),
  },
  {
    what: 'a loan counts one too few',
    codes: ['LOAN'],
    spoil: (image) => image.editLoan(image.origin(0), { references: 1 }),
  },
  {
    what: 'a loan says that its inode let go',
    codes: ['LOAN'],
    spoil: (image) => image.editLoan(image.origin(0), { isOwned: false }),
  },
  {
    what: 'a loan says that its inode did not let go',
    codes: ['EXTENT_SHADOWED'],
    spoil: (image) => image.editLoan(image.origin(2), { isOwned: true }),
  },
  {
    what: 'a loan has other bytes',
    codes: ['LOAN'],
    spoil: (image) => image.editLoan(image.origin(1), { bytes: 100 }),
  },
  {
    what: 'a reference has other bytes',
    codes: ['LOAN'],
    spoil: (image) => image.editReference(image.reference(1, 1), { bytes: 100 }),
  },
  { what: 'no loan', codes: ['LOAN'], spoil: (image) => image.del(loanKey(image.origin(0))) },
  {
    what: 'a damaged loan',
    codes: ['ROW_DAMAGED', 'LOAN'],
    spoil: (image) => image.flip(loanKey(image.origin(0))),
  },
  {
    what: 'a damaged reference',
    codes: ['DATA_LOST', 'LOAN'],
    spoil: (image) => image.flip(referenceKey(image.reference(1, 0))),
    touches: ['one'],
  },
  {
    what: 'a reference that leads nowhere',
    codes: ['DATA_LOST'],
    spoil: (image) => image.editReference(image.reference(1, 0), { ino: 999 }),
    touches: ['one'],
  },
  {
    what: 'what is shared is gone',
    codes: ['DATA_LOST'],
    spoil: async (image) => {
      const { ino, index } = image.origin(2)
      const key = Buffer.alloc(20)
      key[0] = 0x40
      key.writeBigUInt64BE(BigInt(ino), 1)
      key.writeUIntBE(index, 13, 6)
      await image.del(key)
    },
    touches: ['one', 'two'],
  },
  {
    what: 'a reference of nobody',
    codes: ['EXTENT_STRAY'],
    spoil: async (image) => {
      const key = referenceKey({ ino: 7, epoch: 0, index: 0 })
      await image.put(key, encodeReference(key, { ...image.origin(0), bytes: EXTENT }))
    },
  },
  {
    what: 'the inode of a clone is damaged',
    codes: ['INODE_DAMAGED'],
    spoil: (image) => image.flip(inodeKey(image.inos[1]!)),
    touches: ['one'],
  },
  {
    what: 'a loan of nobody',
    codes: ['LOAN'],
    spoil: async (image) => {
      const key = loanKey({ ino: image.inos[0]!, epoch: 0, index: 99 })
      await image.put(key, encodeLoan(key, { references: 1, isOwned: true, bytes: EXTENT }))
    },
  },
]

describe('damage', () => {
  test.each(damages)('$what', async ({ codes, spoil, touches = [] }) => {
    const image = await makeImage()
    const isTouched = (line: string): boolean => touches.some((name) => line.startsWith(`"/${name}" `))
    const sound = await openBare(image.database, { readOnly: true })
    const before = (await fingerprint(sound.fsal)).filter((line) => !isTouched(line))
    await sound.close()
    await spoil(image)
    const volume = await openBare(image.database)
    const found = await volume.fsck()
    for (const code of codes) expect(found.findings.map((each) => each.code)).toContain(code)
    await volume.fsck({ repair: true })
    await volume.core.jobs.idle()
    expect((await volume.fsck()).findings).toEqual([])
    expect((await fingerprint(volume.fsal)).filter((line) => !isTouched(line))).toEqual(before)
    // Everything can be deleted, and then nothing is left of it.
    for (const name of ['source', 'one', 'two']) {
      await runAsync(volume.fsal.unlink(root, volume.fsal.root(), { name: Buffer.from(name) }))
    }
    await volume.core.jobs.idle()
    expect((await volume.fsck()).findings).toEqual([])
    expect(volume.core.counters.dataBytes).toBe(0)
    await volume.close()
    for await (const key of image.database.keys()) expect([0x11, 0x12, 0x40]).not.toContain(key[0])
  })
})
