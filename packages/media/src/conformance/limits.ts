import assert from 'node:assert/strict'
import { lengthOf, manyAppends, noise, readBack, refused, sameBytes } from './ground.ts'
import type { MediumTest } from './index.ts'

/** Capacity, open and active limits, stream order, create-once. */
export function limitTests(test: MediumTest): void {
  test('L10: what does not fit is refused whole, and the rest of the zone still takes what fits', async (medium) => {
    const { caps } = medium
    const capacity = (await medium.report())[0]!.capacityBytes
    if (capacity > 1 << 26) return
    const most = caps.appendBytesMax > 0 ? Math.min(caps.appendBytesMax, capacity) : capacity
    const step = caps.append === 'whole-object' ? capacity : most - (most % caps.blockBytes)
    const block = lengthOf(caps, 1)
    let pointer = 0
    while (manyAppends(caps) && capacity - pointer > step) {
      await medium.append(0, [new Uint8Array(step).fill(1)])
      pointer += step
    }
    const left = capacity - pointer
    const tooLong = left + caps.blockBytes
    if (caps.appendBytesMax === 0 || tooLong <= caps.appendBytesMax) {
      await refused(() => medium.append(0, [new Uint8Array(tooLong)]), 'MEDIA_ZONE_FULL')
      assert.equal((await medium.report())[0]!.pointer, pointer)
    }
    if (left > 0) assert.equal(await medium.append(0, [new Uint8Array(left).fill(2)]), pointer)
    const [zone] = await medium.report()
    assert.equal(zone!.state, 'full', 'pointer at capacity means full')
    await refused(() => medium.append(0, [noise(caps, 1, 1)]), 'MEDIA_ZONE_STATE')
    assert.equal((await readBack(medium, 0, capacity - block, block * 2)).length, block)
  })

  test('open and active limits are enforced and freed', async (medium) => {
    const { caps } = medium
    const limit = caps.openZonesMax > 0 ? caps.openZonesMax : caps.activeZonesMax
    if (limit === 0 || caps.append === 'stream') return
    const usable = (await medium.report()).filter((zone) => zone.type !== 'conventional').map((zone) => zone.zone)
    if (usable.length <= limit + 1) return
    const data = noise(caps, 1, 1)
    for (const zone of usable.slice(0, limit)) await medium.append(zone, [data])
    const next = usable[limit]!
    await refused(() => medium.append(next, [data]), 'MEDIA_OPEN_LIMIT', 'MEDIA_ACTIVE_LIMIT')
    assert.equal((await medium.report())[next]!.pointer, 0)
    await medium.finish(usable[0]!)
    assert.equal(await medium.append(next, [data]), 0)
    if (medium.closeZone === undefined) return
    const active = caps.activeZonesMax === 0 ? Number.POSITIVE_INFINITY : caps.activeZonesMax
    // Closing frees an open slot but stays active, until the active limit says no.
    let count = limit
    for (const [index, zone] of usable.slice(limit + 1).entries()) {
      await medium.closeZone(usable[index + 1]!)
      assert.equal((await medium.report())[usable[index + 1]!]!.state, 'closed')
      if (count < active) {
        await medium.append(zone, [data])
        count++
      } else {
        await refused(() => medium.append(zone, [data]), 'MEDIA_ACTIVE_LIMIT')
        assert.equal(await medium.append(usable[1]!, [data]), data.length, 'a closed zone opens again')
        break
      }
      if (index > 20) break
    }
  })

  test('a stream takes data only at its end', async (medium) => {
    const { caps } = medium
    if (caps.append !== 'stream') return
    const data = noise(caps, 1, 1)
    await refused(() => medium.append(1, [data]), 'MEDIA_STREAM_ORDER')
    await medium.append(0, [data])
    await refused(() => medium.append(1, [data]), 'MEDIA_STREAM_ORDER')
    await medium.finish(0)
    assert.equal(await medium.append(1, [data]), 0)
    await refused(() => medium.append(0, [data]), 'MEDIA_ZONE_STATE')
    sameBytes(await readBack(medium, 0, 0, data.length), data, 'the file before')
    assert.equal(await medium.append(1, [data]), data.length, 'after reading elsewhere the end is found again')
  })

  test('create-once refuses the second', async (medium) => {
    if (medium.createOnce === undefined) return
    const [a, b] = [noise(medium.caps, 1, 1), noise(medium.caps, 2, 2)]
    const results = await Promise.all([medium.createOnce('claim/1', a), medium.createOnce('claim/1', b)])
    assert.equal(results.filter((created) => created).length, 1)
    sameBytes((await medium.readKey!('claim/1'))!, results[0] ? a : b, 'the winner')
    assert.equal(await medium.createOnce('claim/1', b), false)
    sameBytes(
      (await medium.readKey!('claim/1', { offset: 2, length: 3 }))!,
      (results[0] ? a : b).subarray(2, 5),
      'range',
    )
    assert.equal(await medium.readKey!('claim/2'), undefined)
    await medium.createOnce('claim/0', a)
    await medium.createOnce('other', a)
    assert.deepEqual(await medium.listKeys!('claim/'), ['claim/0', 'claim/1'])
    assert.equal(await medium.deleteKey!('claim/1'), true)
    assert.equal(await medium.deleteKey!('claim/1'), false)
    assert.equal(await medium.createOnce('claim/1', b), true)
    for (const key of ['', 'x'.repeat(5000), 7 as unknown as string, 'a\0b']) {
      await refused(() => medium.createOnce!(key, a), 'MEDIA_ARGUMENT')
    }
  })
}
