/**
 * Guest program: `node kill.mjs DEVICE` lets a child write files on a volume over the device, kills it with SIGKILL, and
 * opens the volume again: everything that the child was told is durable must be there.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Medium, type MediumSpec, openMedium } from '@vivefs/media'
import { runAsync, Volume } from '@vivefs/pfaof'
import { devices } from './devices.ts'
import { noise } from './noise.ts'
import { Runner } from './runner.ts'

const name = process.argv[2] ?? ''
const device = devices[name]
if (device === undefined) throw new Error(`unknown device ${name}; known: ${Object.keys(devices).join(', ')}`)
const { create, home } = device

interface Ack {
  readonly file: string
  readonly bytes: number
}

const tell = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`)

/** The child: files of a few appends, told about when they are durable, until it is killed. */
async function write(): Promise<never> {
  const media: Record<string, Medium> = home === undefined ? {} : { h: await home() }
  media.m = await create()
  tell({ specs: Object.fromEntries(Object.entries(media).map(([key, medium]) => [key, medium.spec])) })
  const stream = media.m.caps.durability === 'seal'
  const volume = await Volume.create({ media })
  for (let number = 0; ; number++) {
    const file = await runAsync(volume.create({ name: `f${number}`, media: ['m'] }))
    for (let round = 0; round < 3; round++) {
      await runAsync(file.append([noise(number * 3 + round, 5000)]))
      if (stream) continue
      await runAsync(file.sync())
      tell({ file: `f${number}`, bytes: file.size } satisfies Ack)
    }
    if (stream || number % 2 === 0) {
      await runAsync(file.seal())
      if (stream) await runAsync(volume.sync())
      tell({ file: `f${number}`, bytes: file.size } satisfies Ack)
    }
  }
}

/** Runs the child until it told of `acks`, kills it, answers what it told. */
async function killed(acks: number): Promise<{ specs: Record<string, MediumSpec>; told: Map<string, number> }> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), name, '--write'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const told = new Map<string, number>()
  let specs: Record<string, MediumSpec> = {}
  const exit = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)))
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as Ack & { specs?: Record<string, MediumSpec> }
    if (message.specs !== undefined) specs = message.specs
    else told.set(message.file, message.bytes)
    if (told.size >= acks) child.kill('SIGKILL')
  }
  assert.equal(await exit, 'SIGKILL')
  return { specs, told }
}

const content = (file: string, bytes: number): Buffer => {
  const number = Number(file.slice(1))
  const all = Buffer.concat([0, 1, 2].map((round) => noise(number * 3 + round, 5000)))
  return all.subarray(0, bytes)
}

async function openAll(specs: Record<string, MediumSpec>): Promise<Record<string, Medium>> {
  const media: Record<string, Medium> = {}
  for (const [key, spec] of Object.entries(specs)) media[key] = await openMedium(spec)
  return media
}

if (process.argv[3] === '--write') await write()

const runner = new Runner()
for (const acks of [1, 5, 9]) {
  runner.it(`${name}: killed after ${acks} durable files, everything acknowledged is there`, async () => {
    const { specs, told } = await killed(acks)
    assert.ok(told.size >= acks)
    const media = await openAll(specs)
    try {
      const volume = await Volume.open({ media })
      for (const [file, bytes] of told) {
        const found = await runAsync(volume.open(file))
        assert.ok(found.size >= bytes, `${file} has ${found.size} of ${bytes} bytes`)
        const into = Buffer.alloc(found.size)
        assert.equal(await runAsync(found.read(0, into)), found.size)
        assert.ok(into.equals(content(file, found.size)), `${file} differs`)
      }
      for await (const finding of volume.scrub()) assert.fail(JSON.stringify(finding))
      const next = await runAsync(volume.create({ name: 'after', media: ['m'] }))
      await runAsync(next.append([noise(1, 3000)]))
      await runAsync(next.seal())
      await volume.close()
    } finally {
      for (const medium of Object.values(media)) await medium.close()
    }
    const again = await openAll(specs)
    const volume = await Volume.open({ media: again, readOnly: true })
    const into = Buffer.alloc(3000)
    assert.equal(await runAsync((await runAsync(volume.open('after'))).read(0, into)), 3000)
    assert.ok(into.equals(noise(1, 3000)))
    await volume.close()
    for (const medium of Object.values(again)) await medium.close()
  })
}
process.exitCode = (await runner.run()) ? 0 : 1
