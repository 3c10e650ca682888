/**
 * Guest program: a volume over NVMe, SMR and tape. 200 files are created, moved between the media while they are read,
 * the process is killed in the middle of it, and the volume is recovered, scrubbed and moved on.
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

const FILES = 200
const bytesOf = (number: number): number => 500 + ((number * 7919) % 20_000)
const nameOf = (number: number): string => `file-${number}`

/** Where each file ends: half on the disk, every tenth on tape. */
const goalOf = (number: number): string => (number % 10 === 0 ? 'tape' : number % 2 === 0 ? 'smr' : 'nvme')

async function create(): Promise<{ media: Record<string, Medium>; volume: Volume }> {
  const media = {
    nvme: await devices.nvme!.create(),
    smr: await devices['zonefs-smr']!.create(),
    tape: await devices.tape!.create(),
  }
  const volume = await Volume.create({ media, home: ['nvme'] })
  for (let number = 0; number < FILES; number++) {
    const file = await runAsync(volume.create({ name: nameOf(number), media: ['nvme'] }))
    await runAsync(file.append([noise(number, bytesOf(number))]))
    await runAsync(file.seal())
  }
  await runAsync(volume.sync())
  return { media, volume }
}

async function check(volume: Volume, number: number): Promise<void> {
  const file = await runAsync(volume.open(nameOf(number)))
  const into = Buffer.alloc(bytesOf(number))
  assert.equal(file.size, into.length, nameOf(number))
  assert.equal(await runAsync(file.read(0, into)), into.length)
  assert.ok(into.equals(noise(number, into.length)), `${nameOf(number)} differs`)
}

const placeOf = (volume: Volume, number: number): string[] => [
  ...new Set(volume.stat(nameOf(number)).extents.map(({ medium }) => medium)),
]

/** Moves every file to its goal; one that is being moved is read all the while. */
async function moveAll(volume: Volume, moved: (number: number) => void): Promise<number> {
  let reads = 0
  for (let number = 0; number < FILES; number++) {
    const goal = goalOf(number)
    if (placeOf(volume, number).every((place) => place === goal)) continue
    let moving = true
    const move = volume.move(nameOf(number), goal).finally(() => {
      moving = false
    })
    while (moving) {
      await check(volume, number)
      reads++
      await new Promise((next) => setImmediate(next))
    }
    await move
    moved(number)
  }
  return reads
}

if (process.argv[2] === '--write') {
  const { media, volume } = await create()
  const specs = Object.fromEntries(Object.entries(media).map(([key, medium]) => [key, medium.spec]))
  process.stdout.write(`${JSON.stringify({ specs })}\n`)
  await moveAll(volume, (number) => process.stdout.write(`${JSON.stringify({ number })}\n`))
  process.stdout.write(`${JSON.stringify({ done: true })}\n`)
  await new Promise(() => setInterval(() => undefined, 1000))
}

const runner = new Runner()
runner.it('200 files over NVMe, SMR and tape: moved while read, killed, recovered, scrubbed, moved on', async () => {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--write'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)))
  let specs: Record<string, MediumSpec> = {}
  const moved: number[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as { specs?: Record<string, MediumSpec>; number?: number; done?: boolean }
    if (message.specs !== undefined) specs = message.specs
    if (message.number !== undefined) moved.push(message.number)
    assert.ok(message.done !== true, 'it was to be killed before the end')
    // Some milliseconds into the next move.
    if (moved.length === 60) setTimeout(() => child.kill('SIGKILL'), 30)
  }
  assert.equal(await exit, 'SIGKILL')
  const media: Record<string, Medium> = {}
  for (const [key, spec] of Object.entries(specs)) media[key] = await openMedium(spec)
  const volume = await Volume.open({ media })
  assert.equal([...volume.list()].length, FILES)
  for (let number = 0; number < FILES; number++) await check(volume, number)
  for await (const finding of volume.scrub()) assert.fail(JSON.stringify(finding))
  runner.facts.movedBeforeKill = moved.length
  runner.facts.readsWhileMoving = await moveAll(volume, () => undefined)
  const places: Record<string, number> = {}
  for (let number = 0; number < FILES; number++) {
    await check(volume, number)
    const place = placeOf(volume, number)
    assert.deepEqual(place, [goalOf(number)])
    places[place[0]!] = (places[place[0]!] ?? 0) + 1
  }
  runner.facts.places = places
  for await (const finding of volume.scrub()) assert.fail(JSON.stringify(finding))
  await volume.close()
  for (const medium of Object.values(media)) await medium.close()
})
process.exitCode = (await runner.run()) ? 0 : 1
