/**
 * The server of a mount is killed under load, again and again: the next mount works, everything that was acknowledged is there, fsck
 * finds nothing. What survives is what docs/durability.md promises of the engine for `kill -9`: all of it, synced or not.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { contentOf } from './writer.mjs'

const WRITER = fileURLToPath(new URL('./writer.mjs', import.meta.url))
const WRITERS = 2

/** Starts a writer. `begun`: it writes; `facts`: what it was told was done, once it has ended. */
function write(directory, seed) {
  const child = spawn(process.execPath, [WRITER, directory, seed], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.on('data', (piece) => {
    text += piece
  })
  const begun = new Promise((resolve) => {
    child.stdout.once('data', resolve)
    child.once('close', resolve)
  })
  const facts = new Promise((resolve) => {
    child.on('close', () => {
      const whole = text.slice(0, text.lastIndexOf('\n') + 1)
      resolve(
        whole
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      )
    })
  })
  return { begun, facts }
}

/** What of the acknowledged is not there. Runs in the tool's process, which serves no mount. */
function missing(directory, facts) {
  const gone = new Set(facts.flatMap(({ gone }) => (gone === undefined ? [] : [gone])))
  const logs = new Map(facts.flatMap(({ log, lines }) => (log === undefined ? [] : [[log, lines]])))
  const faults = []
  for (const { name, seed, bytes } of facts) {
    if (name === undefined) continue
    const path = join(directory, name)
    if (gone.has(name)) {
      if (existsSync(path)) faults.push(`${name} is there again`)
    } else if (!existsSync(path)) {
      // The one that was being removed when the server was killed.
      const removed = facts.filter((fact) => fact.name?.split('/')[0] === name.split('/')[0]).length
      const index = Number(name.split('/f')[1])
      if (!(index % 5 === 1 && removed <= index + 4)) faults.push(`${name} is missing`)
    } else if (!readFileSync(path).equals(contentOf(seed, bytes))) faults.push(`${name} has other content`)
  }
  for (const [log, lines] of logs) {
    const text = readFileSync(join(directory, log), 'latin1')
    const there = text.split('\n').slice(0, -1)
    if (there.length < lines || there.some((line, i) => line !== `${i}`))
      faults.push(`${log}: ${there.length} of ${lines} lines`)
  }
  return faults
}

/** Answers `{ kills, facts, faults }`. */
export async function killRounds(lab, { engine, rounds, seed, onRound }) {
  const volume = lab.path(`killed-${engine}`)
  const directory = lab.path(`mnt-killed-${engine}`)
  await lab.vivefs('mkfs', volume, '--engine', engine)
  let count = 0
  let random = seed
  for (let round = 0; round < rounds; round++) {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    await lab.mount(volume, directory)
    const writers = Array.from({ length: WRITERS }, (_, i) => write(directory, `${round}-${i}`))
    await Promise.all(writers.map(({ begun }) => begun))
    await sleep((random >>> 16) % 700)
    await lab.kill(directory)
    // Every writer meets ENOTCONN and ends: nothing hangs.
    const done = (await Promise.all(writers.map(({ facts }) => facts))).flat()
    await lab.mount(volume, directory)
    const faults = missing(directory, done)
    await lab.umount(directory)
    const report = JSON.parse(await lab.vivefs('fsck', volume, '--json'))
    if (!report.clean) faults.push(`fsck: ${JSON.stringify(report.findings.slice(0, 2))}`)
    if (faults.length > 0) throw new Error(`round ${round}, seed ${seed}: ${faults.slice(0, 5).join('; ')}`)
    count += done.length
    onRound?.(round + 1)
  }
  return { kills: rounds, facts: count }
}
