import assert from 'node:assert/strict'
import type { Bytes, ReadRequest } from '../medium.ts'
import { anyZone, join, lengthOf, manyAppends, noise, readBack, refused, sameBytes } from './ground.ts'
import type { MediumTest } from './index.ts'

/** Appending and reading. */
export function appendTests(test: MediumTest): void {
  test('L1 L2 L8: parts are written contiguously and read back before any flush', async (medium) => {
    const { caps } = medium
    const parts = [noise(caps, 1, 1), noise(caps, 2, 2), new Uint8Array(0), noise(caps, 1, 3)]
    const first = await medium.append(0, parts)
    assert.equal(first, 0)
    let all = join(parts)
    sameBytes(await readBack(medium, 0, 0, all.length), all, 'the append')
    if (manyAppends(caps)) {
      const more = noise(caps, 3, 4)
      assert.equal(await medium.append(0, [more]), all.length)
      all = join([all, more])
      sameBytes(await readBack(medium, 0, 0, all.length), all, 'both appends')
    }
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [7, all.length],
      [all.length - 1, all.length],
    ] as const) {
      sameBytes(await readBack(medium, 0, from, to - from), all.subarray(from, to), `[${from}, ${to})`)
    }
    await medium.flush()
    sameBytes(await readBack(medium, 0, 0, all.length), all, 'after flush')
  })

  test('L6: the caller may change its buffers when append returned', async (medium) => {
    const mine = noise(medium.caps, 2, 5)
    const copy = mine.slice()
    await medium.append(0, [mine])
    mine.fill(0)
    sameBytes(await readBack(medium, 0, 0, copy.length), copy, 'what was appended')
    if (medium.appendSync !== undefined) {
      const offset = medium.appendSync(0, [copy])
      const again = copy.slice()
      copy.fill(1)
      const into = new Uint8Array(again.length)
      assert.equal(medium.readSync!(0, offset, into), into.length)
      sameBytes(into, again, 'what was appended synchronously')
      medium.flushSync!()
    }
  })

  test('L7: reads end at a known pointer and never touch the rest of the buffer', async (medium) => {
    const data = noise(medium.caps, 1, 6)
    await medium.append(0, [data])
    const into = new Uint8Array(data.length + 100).fill(0xaa)
    assert.equal(await medium.read(0, 0, into), data.length)
    assert.ok(into.subarray(data.length).every((byte) => byte === 0xaa))
    assert.equal(await medium.read(0, data.length, into), 0)
    assert.equal(await medium.read(0, medium.caps.zoneBytes + 5, into), 0)
    assert.equal(await medium.read(1, 0, into), 0)
    assert.equal(await medium.read(0, 0, new Uint8Array(0)), 0)
  })

  test('L12: appends to one zone keep the order of their calls', async (medium) => {
    if (!manyAppends(medium.caps)) return
    const parts: Bytes[] = Array.from({ length: 6 }, (_, index) => noise(medium.caps, 1, 100 + index))
    const offsets = await Promise.all(parts.map((part) => medium.append(0, [part])))
    assert.deepEqual(
      offsets,
      parts.map((_, index) => index * lengthOf(medium.caps, 1)),
    )
    const all = join(parts)
    sameBytes(await readBack(medium, 0, 0, all.length), all, 'all of them')
  })

  test('zones do not disturb each other', async (medium) => {
    const { caps } = medium
    const zones = [0, 1, 2, 3]
    const write = async (zone: number) => {
      await medium.append(zone, [noise(caps, 2, zone)])
      if (manyAppends(caps)) await medium.append(zone, [noise(caps, 1, zone + 50)])
      if (!anyZone(caps)) await medium.finish(zone)
    }
    const within = caps.openZonesMax === 0 || caps.openZonesMax >= zones.length
    if (anyZone(caps) && within) await Promise.all(zones.map(write))
    else for (const zone of zones) await write(zone).then(() => medium.finish(zone))
    for (const zone of zones) {
      const expected = join(
        manyAppends(caps) ? [noise(caps, 2, zone), noise(caps, 1, zone + 50)] : [noise(caps, 2, zone)],
      )
      sameBytes(await readBack(medium, zone, 0, expected.length), expected, `zone ${zone}`)
    }
  })

  test('readMany gives every result once, failed ones too', async (medium) => {
    const data = noise(medium.caps, 4, 9)
    await medium.append(0, [data])
    const requests: ReadRequest[] = Array.from({ length: 20 }, (_, index) => ({
      zone: 0,
      offset: (index * 7) % data.length,
      into: new Uint8Array(11),
    }))
    requests.push({ zone: 99_999_999, offset: 0, into: new Uint8Array(1) })
    const seen = new Set<number>()
    for await (const { request, index, bytes, error } of medium.readMany(requests)) {
      assert.equal(requests[index], request)
      assert.ok(!seen.has(index))
      seen.add(index)
      if (index === 20) assert.ok(error !== undefined)
      else {
        const expected = data.subarray(request.offset, request.offset + 11)
        sameBytes(request.into.subarray(0, bytes), expected, `request ${index}`)
      }
    }
    assert.equal(seen.size, 21)
  })

  test('L10: bad input is refused by code and changes nothing', async (medium) => {
    const { caps } = medium
    const good = noise(caps, 1, 1)
    const bad = (value: unknown) => value as number
    for (const zone of [-1, caps.zoneCount, 0.5, Number.NaN, bad('0'), bad(undefined)]) {
      await refused(() => medium.append(zone, [good]), 'MEDIA_ZONE_RANGE')
      await refused(() => medium.read(zone, 0, good), 'MEDIA_ZONE_RANGE')
      await refused(() => medium.reset(zone), 'MEDIA_ZONE_RANGE')
      await refused(() => medium.finish(zone), 'MEDIA_ZONE_RANGE')
      if (caps.sync) await refused(() => medium.appendSync!(zone, [good]), 'MEDIA_ZONE_RANGE')
    }
    for (const offset of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, bad('0')]) {
      await refused(() => medium.read(0, offset, good), 'MEDIA_ARGUMENT')
    }
    for (const parts of [undefined, null, good, ['text'], [[1, 2]], [undefined], [new Uint16Array(caps.blockBytes)]]) {
      await refused(() => medium.append(0, parts as unknown as Bytes[]), 'MEDIA_ARGUMENT')
    }
    await refused(() => medium.read(0, 0, 'text' as unknown as Bytes), 'MEDIA_ARGUMENT')
    await refused(() => medium.append(0, []), 'MEDIA_APPEND_SIZE')
    await refused(() => medium.append(0, [new Uint8Array(0)]), 'MEDIA_APPEND_SIZE')
    if (caps.blockBytes > 1)
      await refused(() => medium.append(0, [new Uint8Array(caps.blockBytes + 1)]), 'MEDIA_ALIGNMENT')
    if (caps.appendBytesMax > 0 && caps.appendBytesMax < 1 << 24) {
      const tooLong = new Uint8Array(caps.appendBytesMax + caps.blockBytes)
      await refused(() => medium.append(0, [tooLong]), 'MEDIA_APPEND_SIZE')
    }
    assert.equal((await medium.report())[0]!.pointer, 0)
    assert.equal(await medium.append(0, [good]), 0)
  })

  test('everything is counted', async (medium) => {
    const data = noise(medium.caps, 2, 3)
    await medium.append(0, [data])
    await medium.read(0, 0, new Uint8Array(data.length))
    await medium.flush()
    await refused(() => medium.read(-1, 0, data), 'MEDIA_ZONE_RANGE')
    const { operations } = medium.stats()
    assert.equal(operations.append.count, 1)
    assert.equal(operations.append.bytes, data.length)
    assert.equal(operations.read.bytes, data.length)
    assert.equal(operations.flush.count, 1)
    assert.equal(operations.append.errors + operations.flush.errors, 0)
    assert.equal(
      operations.append.latencyCounts.reduce((sum, count) => sum + count, 0),
      1,
    )
    const copy = medium.stats()
    await medium.flush()
    assert.equal(copy.operations.flush.count, 1, 'stats are a copy')
  })
}
