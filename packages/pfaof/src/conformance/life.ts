/** The part of the suite about a volume's life: closing and opening, moving, following, reclaim. */
import assert from 'node:assert/strict'
import { runAsync } from '../op.ts'
import { Volume } from '../volume.ts'
import { content, type Declare, noise, refused } from './ground.ts'

export function lifeTests(test: Declare): void {
  test('what was closed opens as it was; close is idempotent', async ({ media, volume, files }) => {
    const file = await runAsync(volume.create({ name: 'a', media: files }))
    const bytes = noise(20_000, 9)
    await runAsync(file.append([bytes]))
    await Promise.all([volume.close(), volume.close()])
    await refused(file.append([bytes]), 'PFAOF_CLOSED')
    await refused(file.read(0, Buffer.alloc(1)), 'PFAOF_CLOSED')
    const again = await Volume.open({ media })
    assert(again.epoch > 1)
    assert((await content(await runAsync(again.open('a')))).equals(bytes))
    await again.close()
  })

  test('moving a file between media while it is read', async ({ media, volume, files }) => {
    const bytes = noise(60_000, 5)
    const [from, to] = [files[0]!, files[files.length - 1]!]
    const file = await runAsync(volume.create({ name: 'a', media: [from] }))
    for (let at = 0; at < bytes.length; at += 7000) await runAsync(file.append([bytes.subarray(at, at + 7000)]))
    await refused(volume.move('a', to), 'PFAOF_NOT_SEALED')
    await runAsync(file.seal())
    let moving = true
    const move = volume.move('a', to).finally(() => {
      moving = false
    })
    while (moving) {
      assert((await content(file)).equals(bytes))
      // A cached read never waits: let the copy have its turn.
      await new Promise((next) => setImmediate(next))
    }
    await move
    assert((await content(file)).equals(bytes))
    assert(volume.stat('a').extents.every(({ medium }) => medium === to))
    const again = await Volume.open({ media })
    assert((await content(await runAsync(again.open('a')))).equals(bytes))
    await again.close()
  })

  test('a follower sees what the writer does', async ({ media, volume, files }) => {
    const follower = await Volume.open({ media, readOnly: true })
    await refused(follower.create({ name: 'x', media: files }), 'PFAOF_READ_ONLY')
    const file = await runAsync(volume.create({ name: 'a', media: files }))
    let all = Buffer.alloc(0)
    for (let round = 1; round <= 6; round++) {
      const bytes = noise(round * 1500, round)
      all = Buffer.concat([all, bytes])
      await runAsync(file.append([bytes]))
      await runAsync(file.sync())
      await runAsync(follower.refresh())
      const seen = await runAsync(follower.open('a'))
      assert.equal(seen.size, all.length)
      assert((await content(seen)).equals(all))
    }
    await runAsync(file.seal())
    await runAsync(volume.renameReplace('a', 'b'))
    await runAsync(follower.refresh())
    assert((await content(await runAsync(follower.open('b')))).equals(all))
    await runAsync(volume.delete('b'))
    await runAsync(volume.sync())
    await runAsync(follower.refresh())
    await refused(follower.open('b'), 'PFAOF_NOT_FOUND')
    await follower.close()
  })

  test('reclaim empties zones of which little is alive', async ({ media, volume, files }) => {
    const name = files[0]!
    if (media[name]!.caps.reclaim === 'whole-medium') return
    const keep = noise(3000, 1)
    const zone = Math.min(media[name]!.caps.zoneCapacityBytes, 256 << 10)
    for (let i = 0; i < 4; i++) {
      const file = await runAsync(volume.create({ name: `keep${i}`, media: [name] }))
      await runAsync(file.append([keep]))
      await runAsync(file.seal())
      const fill = await runAsync(volume.create({ name: `fill${i}`, media: [name] }))
      await runAsync(fill.append([noise(Math.floor(zone * 0.8), i)]))
      await runAsync(fill.seal())
    }
    for (let i = 0; i < 4; i++) await runAsync(volume.delete(`fill${i}`))
    await runAsync(volume.sync())
    await volume.reclaim(name, { zones: 10, liveShareMax: 0.5 })
    for (let i = 0; i < 4; i++) assert((await content(await runAsync(volume.open(`keep${i}`)))).equals(keep))
    for await (const finding of volume.scrub()) assert.fail(JSON.stringify(finding))
  })
}
