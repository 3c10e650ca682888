/**
 * A process that clones, snapshots, overwrites and runs transactions on a volume with quotas, or converts one, is killed with SIGKILL at a
 * random moment, over and over: what was acknowledged is there, whole; quotas are exact, and fsck finds nothing. VIVEFS_DEEP=1: 200 kills.
 */
import { spawn } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { convertVolume } from '../../src/convert/convert.ts'
import { ViveFS } from '../../src/vivefs.ts'
import { isDeep, seedOf, withSeed } from '../seed.ts'
import { found, perform, ServicesActor } from './services-actor.mjs'

const ACTORS = 3
const KILLS = isDeep ? 150 : 3
const CONVERSION_KILLS = isDeep ? 50 : 2
const credentials = { uid: 0, gid: 0, groups: [] }
const child = fileURLToPath(new URL('./services-child.mjs', import.meta.url))
const built = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/** Runs the child until `afterMs` behind its first line; answers its lines, and whether it came to its end before. */
function killed(args: string[], afterMs: number): Promise<{ lines: string[]; isDone: boolean }> {
  return new Promise((resolve, reject) => {
    const worker = spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let timer: NodeJS.Timeout | undefined
    let out = ''
    let complaints = ''
    worker.stderr.on('data', (chunk) => {
      complaints += chunk
    })
    worker.stdout.on('data', (chunk) => {
      timer ??= setTimeout(() => worker.kill('SIGKILL'), afterMs)
      out += chunk
    })
    worker.on('error', reject)
    worker.on('close', (code, signal) => {
      clearTimeout(timer)
      // A line that was cut off says nothing.
      if (signal === 'SIGKILL' || code === 0) resolve({ lines: out.split('\n').slice(0, -1), isDone: code === 0 })
      else reject(new Error(`the child ended by itself (${code}): ${complaints}`))
    })
  })
}

/** The model after `count` steps, and after one more. */
function modelsOf(seed: number, home: string, count: number): [string[], string[]] {
  const actor = new ServicesActor(seed, home)
  for (let n = 0; n < count; n++) actor.next()
  const before = actor.fingerprint()
  actor.next()
  return [before, actor.fingerprint()]
}

async function assertActor(vive: ViveFS, seed: number, home: string, count: number, where: string): Promise<void> {
  const tree = await found(vive, `/${home}`)
  if (count < 0 && tree === undefined) return
  const [before, after] = modelsOf(seed, home, Math.max(0, count))
  if (JSON.stringify(tree) !== JSON.stringify(after)) expect(tree, where).toEqual(before)
}

test(`kill -9 among services, ${KILLS} times`, { timeout: 3_600_000 }, async () => {
  expect(existsSync(built), `${built} is missing: build the package first (npm run build)`).toBe(true)
  const seed = seedOf(31)
  const directory = await mkdtemp(join(tmpdir(), 'vivefs-services-kill-'))
  let steps = 0
  try {
    await withSeed(seed, async (random) => {
      const volume = join(directory, 'volume')
      const made = await ViveFS.open(volume, { credentials })
      await made.quotas.set('user', 0, { bytesHard: 10e9 })
      await made.close()
      for (let round = 0; round < KILLS; round++) {
        const childSeed = random.upTo(2 ** 31)
        const afterMs = round === 0 ? 1000 : random.upTo(random.pick([50, 300, 1000]))
        const { lines } = await killed([volume, String(round), String(childSeed), String(ACTORS)], afterMs)
        const counts = new Array<number>(ACTORS).fill(-1)
        for (const line of lines) {
          const [actor, count] = line.split(' ').map(Number)
          counts[actor] = count
        }
        const vive = await ViveFS.open(volume, { credentials })
        try {
          for (const [n, count] of counts.entries()) {
            const where = `kill ${round} after ${afterMs} ms, actor ${n}, ${count} acknowledged`
            await assertActor(vive, childSeed + n, `r${round}-a${n}`, count, where)
            steps += Math.max(0, count)
          }
          await vive.settle()
          expect((await vive.fsck()).findings, `kill ${round} after ${afterMs} ms`).toEqual([])
          for (const { name } of vive.snapshots.list()) await vive.snapshots.delete(name)
          if (round % 4 === 3)
            for (const name of vive.fs.readdirSync('/')) vive.fs.rmSync(`/${name}`, { recursive: true })
        } finally {
          await vive.close()
        }
      }
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  console.log(`services, kill: seed ${seed}, ${KILLS} kills, ${steps} acknowledged steps`)
  expect(steps).toBeGreaterThan(0)
})

test(`kill -9 during convert, ${CONVERSION_KILLS} times`, { timeout: 3_600_000 }, async () => {
  const seed = seedOf(32)
  const directory = await mkdtemp(join(tmpdir(), 'vivefs-convert-kill-'))
  let cut = 0
  try {
    await withSeed(seed, async (random) => {
      const [template, place] = [join(directory, 'template'), join(directory, 'volume')]
      const vive = await ViveFS.open(`level:${template}`, { credentials })
      await vive.quotas.set('user', 0, { bytesHard: 10e9 })
      await vive.fs.promises.mkdir('/home')
      const actor = new ServicesActor(seed, 'home')
      for (let n = 0; n < 120; n++) await perform(vive, '/home', actor.next())
      await vive.settle()
      await vive.close()
      cpSync(template, place, { recursive: true })
      for (let kill = 0; kill < CONVERSION_KILLS; kill++) {
        const afterMs = random.upTo(random.pick([5, 40, 150]))
        const { isDone } = await killed(['convert', place], afterMs)
        if (!isDone) cut++
        // Between two kills it is a volume like any other, whichever engine it is on.
        const between = await ViveFS.open(place, { credentials, create: false })
        expect(await found(between, '/home'), `kill ${kill} after ${afterMs} ms`).toEqual(actor.fingerprint())
        await between.close()
        if (!isDone && random.chance(0.5)) continue
        await convertVolume(place)
        const converted = await ViveFS.open(place, { credentials, create: false })
        expect(converted.engine).toBe('lsm')
        expect(await found(converted, '/home')).toEqual(actor.fingerprint())
        expect((await converted.fsck()).findings).toEqual([])
        await converted.close()
        await rm(place, { recursive: true })
        cpSync(template, place, { recursive: true })
      }
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  console.log(`convert, kill: seed ${seed}, ${CONVERSION_KILLS} kills, ${cut} of them before its end`)
})
