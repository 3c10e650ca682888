import assert from 'node:assert/strict'
import type { Medium } from '../medium.ts'
import { manyAppends, noise, readBack, refused, sameBytes } from './ground.ts'
import type { MediumSuiteOptions, MediumTest } from './index.ts'

const emptied = async (medium: Medium, zone: number) => {
  if (medium.caps.reclaim === 'whole-medium') await medium.erase!()
  else await medium.reset(zone)
}

/** States, reset, finish, reports, closing and reopening. */
export function zoneTests(test: MediumTest, options: MediumSuiteOptions): void {
  test('a fresh medium reports every zone empty, in order', async (medium) => {
    const report = await medium.report()
    assert.equal(report.length, medium.caps.zoneCount)
    report.forEach((zone, index) => {
      assert.equal(zone.zone, index)
      assert.equal(zone.state, 'empty')
      assert.equal(zone.pointer, 0)
      assert.ok(zone.capacityBytes > 0 && zone.capacityBytes <= medium.caps.zoneBytes)
    })
  })

  test('the report follows the appends', async (medium) => {
    const data = noise(medium.caps, 3, 1)
    await medium.append(0, [data])
    const [zone] = await medium.report()
    assert.equal(zone!.pointer, data.length)
    assert.ok(manyAppends(medium.caps) ? zone!.state === 'open' || zone!.state === 'closed' : zone!.state === 'full')
  })

  test('L9: finish makes full, twice is once, the data stays', async (medium) => {
    const data = noise(medium.caps, 3, 2)
    await medium.append(0, [data])
    await medium.finish(0)
    await medium.finish(0)
    await refused(() => medium.append(0, [data]), 'MEDIA_ZONE_STATE')
    const [zone] = await medium.report()
    assert.equal(zone!.state, 'full')
    assert.ok(zone!.pointer === data.length || zone!.pointer === zone!.capacityBytes)
    sameBytes(await readBack(medium, 0, 0, data.length), data, 'finished data')
    const behind = await readBack(medium, 0, data.length, 64)
    if (medium.caps.overwrite !== 'any')
      assert.ok(
        behind.every((byte) => byte === 0),
        'zeros behind finished data',
      )
    await medium.flush()
  })

  test('L9: reset makes empty and appends start at 0 again', async (medium) => {
    const old = noise(medium.caps, 4, 3)
    await medium.append(0, [old])
    await medium.flush()
    if (medium.caps.reclaim === 'whole-medium') await refused(() => medium.reset(0), 'MEDIA_NOT_SUPPORTED')
    await emptied(medium, 0)
    assert.deepEqual(
      { ...(await medium.report())[0], type: undefined, capacityBytes: 0 },
      { zone: 0, state: 'empty', pointer: 0, capacityBytes: 0, type: undefined },
    )
    assert.equal((await readBack(medium, 0, 0, 10)).length, 0)
    const fresh = noise(medium.caps, 2, 4)
    assert.equal(await medium.append(0, [fresh]), 0)
    sameBytes(await readBack(medium, 0, 0, old.length), fresh, 'only the new data')
    await emptied(medium, 0)
    await emptied(medium, 0)
  })

  test('L9: reset and finish wait for the appends that were asked for before', async (medium) => {
    const data = noise(medium.caps, 1, 5)
    const append = medium.append(0, [data])
    const finish = medium.finish(0)
    assert.equal(await append, 0)
    await finish
    assert.equal((await medium.report())[0]!.state, 'full')
    sameBytes(await readBack(medium, 0, 0, data.length), data, 'the append before')
  })

  test('finish of an empty zone, then reset', async (medium) => {
    await medium.finish(0)
    assert.equal((await medium.report())[0]!.state, 'full')
    await refused(() => medium.append(0, [noise(medium.caps, 1, 1)]), 'MEDIA_ZONE_STATE')
    if (medium.caps.reclaim !== 'whole-medium') await medium.reset(0)
    else await medium.erase!()
    assert.equal(await medium.append(0, [noise(medium.caps, 1, 1)]), 0)
  })

  test('L11: nothing works after close, and closing twice is once', async (medium) => {
    const data = noise(medium.caps, 1, 1)
    await medium.append(0, [data])
    await Promise.all([medium.close(), medium.close()])
    await medium.close()
    await refused(() => medium.append(0, [data]), 'MEDIA_CLOSED')
    await refused(() => medium.read(0, 0, data), 'MEDIA_CLOSED')
    await refused(() => medium.flush(), 'MEDIA_CLOSED')
    await refused(() => medium.report(), 'MEDIA_CLOSED')
    await refused(() => medium.reset(0), 'MEDIA_CLOSED')
    await refused(() => medium.finish(0), 'MEDIA_CLOSED')
    if (medium.caps.sync) {
      await refused(() => medium.appendSync!(0, [data]), 'MEDIA_CLOSED')
      await refused(() => medium.readSync!(0, 0, data), 'MEDIA_CLOSED')
      await refused(() => medium.flushSync!(), 'MEDIA_CLOSED')
    }
    if (medium.createOnce !== undefined) await refused(() => medium.createOnce!('a', data), 'MEDIA_CLOSED')
  })

  test('close waits for what is under way', async (medium) => {
    const data = noise(medium.caps, 4, 1)
    await medium.append(0, [data])
    const reads = Array.from({ length: 8 }, () => readBack(medium, 0, 0, data.length))
    await medium.close()
    for (const read of await Promise.all(reads)) sameBytes(read, data, 'a read at close')
  })

  const { reopen } = options
  if (reopen === undefined) return

  test('data, identity and pointers are there after reopening', async (medium) => {
    const { caps } = medium
    const data = noise(caps, 3, 8)
    await medium.append(0, [data])
    await medium.finish(0)
    await medium.append(1, [data])
    await medium.flush()
    await medium.close()
    const again = await reopen(medium)
    try {
      assert.equal(again.id, medium.id)
      assert.deepEqual(again.caps, caps)
      const [first, second] = await again.report()
      sameBytes(await readBack(again, 0, 0, data.length), data, 'the finished zone')
      sameBytes((await readBack(again, 1, 0, data.length)).subarray(0, data.length), data, 'the unfinished zone')
      assert.ok(['full', 'closed'].includes(first!.state))
      if (second!.type === 'conventional') {
        assert.equal(second!.pointer, 'unknown')
        await refused(() => again.append(1, [data]), 'MEDIA_POINTER_UNKNOWN')
        await refused(() => again.resume!(1, -1), 'MEDIA_ARGUMENT')
        await refused(() => again.resume!(1, caps.zoneBytes + 1), 'MEDIA_ARGUMENT')
        await again.resume!(1, data.length)
      } else assert.equal(second!.pointer, data.length)
      if (manyAppends(caps)) {
        assert.equal(await again.append(1, [data]), data.length)
        sameBytes(await readBack(again, 1, data.length, data.length), data, 'appended after reopening')
      }
    } finally {
      await again.close()
    }
  })
}
