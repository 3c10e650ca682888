/**
 * A process that works on a directory volume is killed with SIGKILL at a random moment, over and over. The parent keeps
 * the acknowledgements: what was acknowledged is there, whole; the one operation of each actor that was under way is
 * there whole or not at all; fsck finds nothing.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { superuser } from '../../src/core/mode.ts'
import { runAsync } from '../../src/op.ts'
import { ViveFS } from '../../src/vivefs.ts'
import { isDeep, type Random, seedOf, withSeed } from '../seed.ts'
import { Actor, lineOf } from './actor.mjs'

const ACTORS = 4
const kills = isDeep ? 100 : 5
const child = fileURLToPath(new URL('./child.mjs', import.meta.url))
const built = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/** Lets a child work for a while and kills it; answers the last count that each actor acknowledged (-1: none). */
function workAndKill(where: string, round: number, seed: number, afterMs: number): Promise<number[]> {
  const acknowledged = new Array<number>(ACTORS).fill(-1)
  return new Promise((resolve, reject) => {
    const args = [child, where, String(round), String(seed), String(ACTORS)]
    const worker = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let timer: NodeJS.Timeout | undefined
    let rest = ''
    let complaints = ''
    worker.stderr.on('data', (chunk) => {
      complaints += chunk
    })
    worker.stdout.on('data', (chunk) => {
      timer ??= setTimeout(() => worker.kill('SIGKILL'), afterMs)
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const [actor, count] = line.split(' ').map(Number)
        acknowledged[actor] = count
      }
    })
    worker.on('error', reject)
    worker.on('close', (code, signal) => {
      clearTimeout(timer)
      if (signal === 'SIGKILL') resolve(acknowledged)
      else reject(new Error(`the child ended by itself (${code}): ${complaints}`))
    })
  })
}

/** What an actor's directory holds, or undefined when it is not there. */
async function treeOf({ fsal }: ViveFS, name: string): Promise<string[] | undefined> {
  let home: Uint8Array
  try {
    home = (await runAsync(fsal.lookup(superuser, fsal.root(), { name: Buffer.from(name) }))).handle
  } catch {
    return undefined
  }
  const { lines } = await runAsync(fsal.readdir(superuser, home, { cookie: 0n, limit: 1000, plus: true }))
  const tree: string[] = []
  for (const { name, entry } of lines) {
    const { mode, nlink, size } = entry!.attributes
    let content: Buffer | null = null
    if ((mode & 0o170000) === 0o100000) {
      content = Buffer.alloc(size)
      await runAsync(fsal.read(superuser, entry!.handle, { offset: 0, into: content }))
    }
    tree.push(lineOf(name.toString(), content, nlink))
  }
  return tree.sort()
}

/** The actor's model after `count` operations, and after one more. */
function modelsOf(seed: number, count: number): [string[], string[]] {
  const actor = new Actor(seed)
  for (let n = 0; n < count; n++) actor.next()
  const before = actor.fingerprint()
  actor.next()
  return [before, actor.fingerprint()]
}

describe.each(['level', 'lsm'])('on %s', (engine) => {
  test(`kill -9, ${kills} times: what was acknowledged is there`, { timeout: 1_800_000 }, async () => {
    expect(existsSync(built), `${built} is missing: build the package first (npm run build)`).toBe(true)
    const seed = seedOf(5)
    const directory = await mkdtemp(join(tmpdir(), 'vivefs-kill-'))
    let operations = 0
    try {
      await withSeed(seed, async (random: Random) => {
        const volume = `${engine}:${join(directory, 'volume')}`
        const settled = new Map<string, string[]>()
        for (let round = 0; round < kills; round++) {
          const childSeed = random.upTo(2 ** 31)
          const afterMs = random.upTo(random.pick([30, 200, 600]))
          const acknowledged = await workAndKill(volume, round, childSeed, afterMs)
          const vive = await ViveFS.open(volume, { credentials: { uid: 0, gid: 0 } })
          try {
            for (const [n, count] of acknowledged.entries()) {
              const name = `r${round}-a${n}`
              const where = `kill ${round} after ${afterMs} ms, actor ${n}, ${count} acknowledged`
              const tree = await treeOf(vive, name)
              if (count < 0 && tree === undefined) continue
              operations += Math.max(0, count)
              // The acknowledgement itself may have been on its way: then one more operation is complete, or under way.
              const [before, after] = modelsOf(childSeed + n, Math.max(0, count))
              if (JSON.stringify(tree) !== JSON.stringify(after)) expect(tree, where).toEqual(before)
              settled.set(name, tree!)
            }
            await vive.settle()
            const { findings } = await vive.fsck()
            expect(findings, `kill ${round} after ${afterMs} ms`).toEqual([])
          } finally {
            await vive.close()
          }
        }
        const vive = await ViveFS.open(volume, { credentials: { uid: 0, gid: 0 } })
        for (const [name, tree] of settled) expect(await treeOf(vive, name), name).toEqual(tree)
        await vive.close()
      })
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
    console.log(`kill, ${engine}: seed ${seed}, ${kills} kills, ${operations} acknowledged operations`)
    expect(operations).toBeGreaterThan(0)
  })
})
