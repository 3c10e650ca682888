/** Guest program: `node suites.mjs DEVICE` runs the media suite and the append-file suite on one device of the lab. */
import assert from 'node:assert/strict'
import { closeSync, openSync, readSync, realpathSync } from 'node:fs'
import { type Medium, openBlock } from '@vivefs/media'
import { mediumSuite } from '@vivefs/media/conformance'
import { appendFileSuite } from '@vivefs/pfaof/conformance'
import { devices } from './devices.ts'
import { Runner } from './runner.ts'

const name = process.argv[2] ?? ''
const device = devices[name]
if (device === undefined) throw new Error(`unknown device ${name}; known: ${Object.keys(devices).join(', ')}`)

const runner = new Runner()
const { describe, it } = runner
const { create, reopen, home, seeds, operations } = device
mediumSuite({ name, create, reopen, describe, it, seeds })
appendFileSuite({
  name,
  create: async () => {
    const media: Record<string, Medium> = home === undefined ? {} : { h: await home() }
    media.m = await create()
    return { media, operations }
  },
  describe,
  it,
  seeds: [1],
})
if (name === 'nvme') {
  it('block: emptied zones are discarded on the drive, others are not', async () => {
    const path = realpathSync('/dev/vm/ssd')
    const zoneBytes = 1 << 20
    const medium = await openBlock({ path, format: 'overwrite', zoneBytes, zoneCount: 16, discardZones: 4 })
    for (let zone = 0; zone < 8; zone++) await medium.append(zone, [new Uint8Array(zoneBytes).fill(zone + 1)])
    for (let zone = 0; zone < 6; zone++) await medium.reset(zone)
    await medium.append(2, [new Uint8Array(4096).fill(99)])
    await medium.close()
    const fd = openSync(path, 'r')
    const first = new Uint8Array(1)
    // Zones begin behind the first MiB.
    const found = Array.from({ length: 8 }, (_, zone) => {
      readSync(fd, first, 0, 1, (zone + 1) * zoneBytes)
      return first[0]
    })
    closeSync(fd)
    assert.deepEqual(found, [0, 0, 99, 0, 0, 0, 7, 8])
  })
}
process.exitCode = (await runner.run()) ? 0 : 1
