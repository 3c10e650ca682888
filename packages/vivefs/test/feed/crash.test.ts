/** Whatever prefix of the batches a crash leaves: the feed tells exactly what is in the volume, and fsck agrees. */
import { expect, test } from 'vitest'
import { superuser } from '../../src/core/mode.ts'
import { createFs } from '../../src/face/index.ts'
import { readChanges } from '../../src/feed/read.ts'
import { type BareVolume, memoryDatabase, openBare, openBareOn } from '../bare-volume.ts'
import { prefixesOf } from '../crash/replay.ts'
import { isDeep, seedOf, withSeed } from '../seed.ts'
import { SimulatedDatabase } from '../store/simulated-database.ts'
import { anAction, attempt } from '../transaction/groups.ts'

const ACTIONS = isDeep ? 5000 : 250
const options = { extentBytes: 4096, seed: 9 }
const keep = { count: 60, bytes: 0, ageMs: 0 }

/** Every name, as the entries of the feed build it up. */
class Replayed {
  readonly directories = new Map<number, Map<string, number>>()

  #entries(ino: number): Map<string, number> {
    let entries = this.directories.get(ino)
    if (entries === undefined) {
      entries = new Map()
      this.directories.set(ino, entries)
    }
    return entries
  }

  take(kind: string, ino: number, directory: number, name: string, to?: { directory: number; name: string }): void {
    if (kind === 'create') this.#entries(directory).set(name, ino)
    else if (kind === 'delete') this.#entries(directory).delete(name)
    else if (kind === 'rename') {
      if (this.#entries(directory).get(name) === ino) this.#entries(directory).delete(name)
      this.#entries(to!.directory).set(to!.name, ino)
    } else if (kind === 'gone') this.directories.delete(ino)
  }

  tree(root: number): string[] {
    const lines: string[] = []
    const walk = (ino: number, path: string): void => {
      for (const [name, child] of this.directories.get(ino) ?? []) {
        lines.push(`${path}/${name} ${child}`)
        walk(child, `${path}/${name}`)
      }
    }
    walk(root, '')
    return lines.sort()
  }
}

async function treeOf(volume: BareVolume): Promise<string[]> {
  const { promises } = createFs(volume.core, superuser)
  const lines: string[] = []
  for (const entry of (await promises.readdir('/', { recursive: true })) as string[]) {
    lines.push(`/${entry} ${(await promises.lstat(`/${entry}`)).ino}`)
  }
  return lines.sort()
}

test('every prefix of the batches tells what it holds', { timeout: 300_000 }, async () => {
  await withSeed(seedOf(), async (random) => {
    const recorded = new SimulatedDatabase()
    const volume = await openBareOn(recorded, options)
    await volume.core.feed.configure({ count: 0, bytes: 1 << 30, ageMs: 0 })
    const { promises } = createFs(volume.core, superuser)
    for (let n = 0; n < ACTIONS; n++) await attempt(promises, anAction(random))
    await volume.core.jobs.idle()
    await volume.close()

    const replayed = new Replayed()
    let since = 0
    for await (const { n, image } of prefixesOf(recorded)) {
      const where = `after batch ${n + 1} of ${recorded.batches.length}`
      const found = await openBare(image, { ...options, readOnly: true })
      expect((await found.fsck()).findings, where).toEqual([])
      if (found.core.feed.state?.isOn === true) {
        for await (const { seq, changes } of readChanges(found.core, { since, follow: false })) {
          since = seq
          for (const { kind, ino, directory, name, to } of changes) {
            replayed.take(kind, ino, directory ?? 0, name ?? '', to)
          }
        }
        expect(replayed.tree(1), where).toEqual(await treeOf(found))
      }
      await found.close()
    }
    expect(since).toBeGreaterThan(0)
  })
})

test('trimming may stop anywhere', { timeout: 300_000 }, async () => {
  const recorded = new SimulatedDatabase()
  const volume = await openBareOn(recorded, options)
  await volume.core.feed.configure(keep)
  const { promises } = createFs(volume.core, superuser)
  for (let n = 0; n < 300; n++) await promises.writeFile('/f', '')
  await volume.close()
  for await (const { n, image } of prefixesOf(recorded)) {
    const found = await openBare(image, { ...options, readOnly: true })
    expect((await found.fsck()).findings, `after batch ${n + 1}`).toEqual([])
    await found.close()
  }
})

test('fsck finds a state that is not so, and puts it right', async () => {
  const image = memoryDatabase()
  const volume = await openBare(image, options)
  await volume.core.feed.configure(keep)
  const { promises } = createFs(volume.core, superuser)
  for (let n = 0; n < 5; n++) await promises.writeFile(`/f${n}`, '')
  await volume.close()
  const [second] = await image.keys({ gt: Buffer.from('0e00', 'hex'), lt: Buffer.of(0x0f), limit: 1 }).all()
  await image.put(second!, Buffer.from('damaged'))
  const damaged = await openBare(image, options)
  const { findings } = await damaged.fsck({ repair: true })
  expect(findings.map(({ code, repaired }) => `${code} ${repaired}`)).toEqual(
    expect.arrayContaining(['ROW_DAMAGED true', 'FEED true']),
  )
  expect((await damaged.fsck()).findings).toEqual([])
  let entries = 0
  for await (const _ of readChanges(damaged.core, { since: 0, follow: false })) entries++
  expect(entries).toBe(4)
  await damaged.close()
})
