/** Guest program: `node suites.mjs DEVICE` runs the media suite and the append-file suite on one device of the lab. */
import type { Medium } from '@vivefs/media'
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
process.exitCode = (await runner.run()) ? 0 : 1
