/** A mount held under a mixed load: everything that is read is what was written, and the memory of the server stays where it is. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const MIXER = fileURLToPath(new URL('./mixer.mjs', import.meta.url))
const MIXERS = 2
const SAMPLES = 60
/** What the last quarter may hold more than the second, when caches were full already: a share of it, and no less than this. */
const GROWTH_SHARE_MAX = 0.1
const GROWTH_MIB_MIN = 32

function mix(directory, seed) {
  const child = spawn(process.execPath, [MIXER, directory, seed], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let fault = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  child.stderr.on('data', (text) => {
    fault = (fault + text).slice(-2000)
  })
  const ended = new Promise((resolve) => {
    child.once('close', (code) => resolve(code === 0 ? JSON.parse(output) : { fault: fault || `ended with ${code}` }))
  })
  return { child, ended }
}

const memoryMibOf = (pid) =>
  Math.round(Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) / 1024)

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

/** Answers `{ seconds, seed, operations, bytes, memoryMib, early, late }`; throws when content, memory or the volume is not as it should be. */
export async function hold(lab, { engine, seconds, seed }) {
  const volume = lab.path(`held-${engine}`)
  const directory = lab.path(`mnt-held-${engine}`)
  await lab.vivefs('mkfs', volume, '--engine', engine)
  const pid = await lab.mount(volume, directory)
  const mixers = Array.from({ length: MIXERS }, (_, i) => mix(directory, `${seed + i}`))
  let hasEnded = false
  for (const { ended } of mixers) {
    ended.then(() => {
      hasEnded = true
    })
  }
  const memoryMib = []
  for (let n = 0; n < SAMPLES && !hasEnded; n++) {
    await sleep((seconds * 1000) / SAMPLES)
    memoryMib.push(memoryMibOf(pid))
  }
  for (const { child } of mixers) child.kill('SIGTERM')
  const done = await Promise.all(mixers.map(({ ended }) => ended))
  const fault = done.find((each) => each.fault !== undefined)?.fault
  if (fault !== undefined) throw new Error(`seed ${seed}: ${fault.trim().split('\n').at(-1)}`)
  await lab.umount(directory)
  const { clean, findings } = JSON.parse(await lab.vivefs('fsck', volume, '--json'))
  if (!clean) throw new Error(`seed ${seed}: fsck: ${JSON.stringify(findings.slice(0, 2))}`)
  const quarter = memoryMib.length >> 2
  const early = median(memoryMib.slice(quarter, 2 * quarter))
  const late = median(memoryMib.slice(-quarter))
  const report = {
    ...{ seconds, seed, memoryMib, early, late },
    operations: done.reduce((sum, each) => sum + each.operations, 0),
    bytes: done.reduce((sum, each) => sum + each.bytes, 0),
  }
  if (late - early > Math.max(GROWTH_MIB_MIN, GROWTH_SHARE_MAX * early)) {
    throw new Error(`memory grew from ${early} to ${late} MiB: ${memoryMib.join(' ')}`)
  }
  return report
}
