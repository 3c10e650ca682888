/** When the holder of a lock counts as gone. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { lockIsStale, processStartTime } from '../src/lock.ts'

const holderOf = (pid: number) => ({
  pid,
  startTime: processStartTime(pid),
  bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  host: hostname(),
  token: 'x',
})

test.runIf(process.platform === 'linux')('a process that ended but was not waited for holds nothing', async () => {
  // The child of a program that never asks what became of it.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 20'], { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)))
    const holder = holderOf(pid)
    expect(lockIsStale(holder)).toBe(false)
    await expect.poll(() => lockIsStale(holder), { timeout: 5000 }).toBe(true)
    expect(readFileSync(`/proc/${pid}/stat`, 'latin1')).toMatch(/\) Z /)
  } finally {
    parent.kill('SIGKILL')
  }
})
