/** What overwrites all over a file cost, and that nothing of it is lost. */
import { expect, test } from 'vitest'
import { memoryDatabase, openBare, root } from '../../test/bare-volume.ts'
import { Random } from '../../test/seed.ts'
import { runAsync } from '../op.ts'

const FILE_BYTES = 1 << 20
const PAGE_BYTES = 4096
const name = Buffer.from('file')

async function makeFile(cacheBytes?: number) {
  const database = memoryDatabase()
  const volume = await openBare(database, cacheBytes === undefined ? {} : { cacheBytes })
  const { fsal, core } = volume
  const { handle } = await runAsync(fsal.create(root, fsal.root(), { name, mode: 0o644 }))
  const content = Buffer.alloc(FILE_BYTES, 'as it was written ')
  await runAsync(fsal.write(root, handle, { offset: 0, data: content }))
  const write = async (offset: number, data: Buffer): Promise<void> => {
    data.copy(content, offset)
    await runAsync(fsal.write(root, handle, { offset, data }))
  }
  const read = async (): Promise<Buffer> => {
    const into = Buffer.alloc(FILE_BYTES)
    await runAsync(fsal.read(root, handle, { offset: 0, into }))
    return into
  }
  return { database, volume, fsal, core, handle, content, write, read }
}

test.each([
  ['pages', PAGE_BYTES, 1.2],
  // A small row each, and the page of one that was written before.
  ['100 bytes', 100, 60],
])('overwrites of %s all over a file write about that much', async (_, bytes, most) => {
  const random = new Random(7)
  const { volume, core, content, write, read, database } = await makeFile()
  const before = core.store.statistics().bytesWritten
  const count = 600
  for (let n = 0; n < count; n++) {
    await write(random.upTo(FILE_BYTES / PAGE_BYTES) * PAGE_BYTES, random.bytes(bytes))
  }
  const written = (core.store.statistics().bytesWritten - before) / (count * bytes)
  expect(written).toBeLessThan(most)
  expect((await read()).equals(content)).toBe(true)
  expect((await volume.fsck()).findings).toEqual([])
  await volume.close()
  const again = await openBare(database)
  const { handle } = await runAsync(again.fsal.lookup(root, again.fsal.root(), { name }))
  const into = Buffer.alloc(FILE_BYTES)
  await runAsync(again.fsal.read(root, handle, { offset: 0, into }))
  expect(into.equals(content)).toBe(true)
  await again.close()
})

test('an extent of which every page was written needs no base row; a whole write is one row again', async () => {
  const { volume, content, write, read, database } = await makeFile()
  const rows = async (): Promise<number[]> => {
    const parts: number[] = []
    for (const key of await database.keys({ gte: Buffer.of(0x40), lt: Buffer.of(0x41) }).all()) {
      if (key.readUIntBE(13, 6) === 1) parts.push(key[19])
    }
    return parts
  }
  const [extent, pages] = [65_536, 16]
  for (let page = 0; page < pages - 1; page++)
    await write(extent + page * PAGE_BYTES, Buffer.alloc(PAGE_BYTES, page + 1))
  expect(await rows()).toEqual([0, 127, ...Array.from({ length: pages - 1 }, (_, n) => 128 + n)])
  await write(extent + (pages - 1) * PAGE_BYTES, Buffer.alloc(PAGE_BYTES, 'last'))
  expect(await rows()).toEqual([127, ...Array.from({ length: pages }, (_, n) => 128 + n)])
  expect((await read()).equals(content)).toBe(true)
  expect((await volume.fsck()).findings).toEqual([])
  await write(extent, Buffer.alloc(extent, 'whole'))
  expect(await rows()).toEqual([0])
  expect((await read()).equals(content)).toBe(true)
  await volume.close()
})

test('what was written shows in what was read before, whatever the cache holds', async () => {
  const random = new Random(11)
  const { volume, content, write, read } = await makeFile()
  for (let n = 0; n < 300; n++) {
    if (n % 10 === 0) expect((await read()).equals(content), `after ${n} writes`).toBe(true)
    const bytes = random.pick([1, 100, 4096, 8192, 20_000, 65_536])
    const offset = random.upTo((FILE_BYTES - bytes) / PAGE_BYTES) * PAGE_BYTES + (random.chance(0.3) ? 17 : 0)
    await write(Math.min(offset, FILE_BYTES - bytes), random.bytes(bytes))
  }
  expect((await read()).equals(content)).toBe(true)
  expect((await volume.fsck()).findings).toEqual([])
  await volume.close()
})
