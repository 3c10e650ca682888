import { openMemory } from '@vivefs/media'
import { expect, test } from 'vitest'
import { runAsync, runSync, Volume } from '../src/index.ts'

/** A signal that never aborts: reclaim asks it before each piece that it copies. */
function signalThat(looked: () => void): AbortSignal {
  const { signal } = new AbortController()
  signal.throwIfAborted = looked
  return signal
}

test('a file that is deleted while reclaim copies it is no failure: the zone is emptied of the others', async () => {
  const medium = openMemory({ zoneCount: 16, zoneBytes: 64 << 10 })
  const volume = await Volume.create({ media: { main: medium } })
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  for (const name of names) {
    const file = await runAsync(volume.create({ name, media: ['main'] }))
    runSync(file.append([Buffer.alloc(7000, name)]))
    runSync(file.seal())
  }
  // Zones beside the one of these files: it is not written to any more.
  const filler = await runAsync(volume.create({ name: 'filler', media: ['main'] }))
  runSync(filler.append([Buffer.alloc(100_000)]))
  runSync(filler.seal())
  for (const name of names.slice(3)) runSync(volume.delete(name))
  let looks = 0
  const signal = signalThat(() => {
    // The first look is before a zone is chosen, the second while 'a' is copied; 'b' goes before its turn comes.
    if (++looks === 2) for (const name of ['a', 'b']) runSync(volume.delete(name))
  })
  await expect(volume.reclaim('main', { signal, liveShareMax: 0.9 })).resolves.toBe(1)
  expect(looks).toBeGreaterThan(2)
  const read = Buffer.alloc(7000)
  expect(runSync(runSync(volume.open('c')).read(0, read))).toBe(7000)
  expect(read.equals(Buffer.alloc(7000, 'c'))).toBe(true)
  expect([...volume.list()].map(({ name }) => name)).toEqual(['c', 'filler'])
  for await (const finding of volume.scrub()) throw new Error(finding.message)
  await volume.close()
})
