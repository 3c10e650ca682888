import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FaultMedium, isMediumError, openDirectory, openFault, openObject } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'

/** Two writers, the first stalled before each of its media operations while the second takes over: nothing acknowledged is lost (I11). */

const OPERATIONS = [
  'append',
  'reset',
  'finish',
  'flush',
  'createOnce',
  'readKey',
  'listKeys',
  'deleteKey',
  'read',
  'report',
] as const

interface Stall {
  reached: Promise<void>
  go: () => void
  /** The writer came to an end before that many operations. */
  count: () => number
}

/** Holds the nth operation of a medium until `go`. */
function stallAt(medium: FaultMedium, nth: number): Stall {
  let seen = 0
  let go = () => {}
  let arrived = () => {}
  const reached = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  const target = medium as unknown as Record<string, ((...args: unknown[]) => Promise<unknown>) | undefined>
  for (const name of OPERATIONS) {
    const before = target[name]
    if (before === undefined) continue
    target[name] = async (...args: unknown[]) => {
      if (++seen === nth) {
        arrived()
        await gate
      }
      return before.apply(medium, args)
    }
  }
  return { reached, go, count: () => seen }
}

interface Acknowledged {
  name: string
  text: string
}

/** Makes small files; what returned is acknowledged. */
async function work(volume: Volume, who: string, files: number, acknowledged: Acknowledged[]): Promise<void> {
  for (let i = 0; i < files; i++) {
    const name = `${who}${i}`
    const file = await runAsync(volume.create({ name, media: ['o'] }))
    await runAsync(file.append([Buffer.from(`${name} one`)]))
    await runAsync(file.sync())
    acknowledged.push({ name, text: `${name} one` })
    if (i % 3 === 1) {
      await runAsync(volume.delete(`${who}${i - 1}`))
      acknowledged.splice(
        acknowledged.findIndex((a) => a.name === `${who}${i - 1}`),
        1,
      )
      await runAsync(volume.sync())
    }
  }
}

async function schedule(nth: number): Promise<boolean> {
  const base = openObject({ zoneCount: 256, zoneBytes: 64 << 10 })
  await (await Volume.create({ media: { o: base } })).close()
  const first = openFault(openObject({ zoneCount: 256, zoneBytes: 64 << 10 }, base.store), {}) as FaultMedium
  const stall = stallAt(first, nth)
  const acknowledged: Acknowledged[] = []
  let ended: unknown
  const writer = (async () => {
    const volume = await Volume.open({ media: { o: first }, holder: 'one' })
    await work(volume, 'a', 30, acknowledged)
    await volume.close()
  })().catch((error: unknown) => {
    ended = error
  })
  await Promise.race([stall.reached, writer])
  const stalled = stall.count() >= nth
  const second = openObject({ zoneCount: 256, zoneBytes: 64 << 10 }, base.store)
  const two = await Volume.open({ media: { o: second }, holder: 'two' })
  await work(two, 'b', 6, acknowledged)
  stall.go()
  await writer
  if (ended !== undefined) expect((ended as { code?: string }).code, String(ended)).toMatch(/^PFAOF_/)
  // The first may have been stalled before its claim: then it is the newer writer, and the second is told so.
  try {
    await work(two, 'c', 3, acknowledged)
    await two.close()
  } catch (error) {
    if (!isPfaofError(error, 'PFAOF_FENCED')) throw error
  }
  const third = await Volume.open({
    media: { o: openObject({ zoneCount: 256, zoneBytes: 64 << 10 }, base.store) },
    holder: 'three',
  })
  for (const { name, text } of acknowledged) {
    const file = await runAsync(third.open(name))
    const into = Buffer.alloc(file.size)
    await runAsync(file.read(0, into))
    expect(into.toString()).toBe(text)
  }
  await third.close()
  return stalled
}

describe('two writers', () => {
  test('one stalled at every step, on a store with create-once keys: 0 acknowledged and lost', {
    timeout: 300_000,
  }, async () => {
    let schedules = 0
    for (let nth = 1; nth <= 200 && (await schedule(nth)); nth++) schedules++
    expect(schedules).toBeGreaterThan(100)
  })

  test('on a medium with a lock the second is refused while the first lives', async () => {
    const path = await mkdtemp(join(tmpdir(), 'pfaof-lock-'))
    const medium = await openDirectory({ path: join(path, 'd'), zoneCount: 16, zoneBytes: 64 << 10 })
    try {
      const volume = await Volume.create({ media: { o: medium } })
      await expect((async () => openDirectory({ path: join(path, 'd') }))()).rejects.toSatisfy((error) =>
        isMediumError(error, 'MEDIA_LOCKED'),
      )
      const acknowledged: Acknowledged[] = []
      await work(volume, 'a', 5, acknowledged)
      expect(acknowledged).toHaveLength(3)
      await volume.close()
    } finally {
      await medium.close()
      await rm(path, { recursive: true })
    }
  })

  test('a fenced writer says so, at once and for ever', async () => {
    const base = openObject({ zoneCount: 256, zoneBytes: 64 << 10 })
    const one = await Volume.create({ media: { o: base } })
    const file = await runAsync(one.create({ name: 'a', media: ['o'] }))
    const two = await Volume.open({ media: { o: openObject({ zoneCount: 256, zoneBytes: 64 << 10 }, base.store) } })
    await runAsync(file.append([Buffer.from('lost')]))
    for (let i = 0; i < 3; i++)
      await expect(runAsync(file.sync())).rejects.toSatisfy((error) => isPfaofError(error, 'PFAOF_FENCED'))
    await two.close()
  })
})
