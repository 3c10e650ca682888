import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { SupplementaryGroups } from './supplementary-groups.ts'

const canSetGroups = process.platform === 'linux' && process.geteuid?.() === 0

describe.skipIf(process.platform !== 'linux')('supplementary groups', () => {
  const ends: (() => void)[] = []
  afterEach(() => {
    for (const end of ends.splice(0)) end()
  })

  /** A process that takes other groups when it is told so. */
  async function changing(): Promise<{ pid: number; change: () => Promise<void> }> {
    const script = `process.setgroups([7, 1234]); console.log('first')
      process.stdin.on('data', () => { process.setgroups([99]); console.log('second') })`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    ends.push(() => child.kill())
    const said = (): Promise<unknown> => new Promise((resolve) => child.stdout.once('data', resolve))
    await said()
    const change = async (): Promise<void> => {
      child.stdin.write('x')
      await said()
    }
    return { pid: child.pid!, change }
  }

  test('of this process; of none, and of one that is gone: none', () => {
    const groups = new SupplementaryGroups()
    // Node counts the effective group among them.
    const own = process.getegid!()
    expect(new Set([...groups.of(process.pid), own])).toEqual(new Set([...process.getgroups!(), own]))
    expect(groups.of(0)).toEqual([])
    expect(groups.of(2 ** 22 + 1)).toEqual([])
  })

  test.skipIf(!canSetGroups)('are remembered for the time that is said, no longer', async () => {
    const { pid, change } = await changing()
    const forgetful = new SupplementaryGroups({ trustMs: 300 })
    const trusting = new SupplementaryGroups({ trustMs: 3_600_000 })
    for (const groups of [forgetful, trusting]) expect(groups.of(pid)).toEqual([7, 1234])
    await change()
    await sleep(310)
    expect(forgetful.of(pid)).toEqual([99])
    expect(trusting.of(pid)).toEqual([7, 1234])
  })

  test.skipIf(!canSetGroups)('of a bounded number of processes', async () => {
    const { pid, change } = await changing()
    const groups = new SupplementaryGroups({ trustMs: 3_600_000, processesMax: 2 })
    groups.of(pid)
    await change()
    groups.of(process.pid)
    expect(groups.of(pid)).toEqual([7, 1234])
    // The third makes room by forgetting the others.
    groups.of(1)
    expect(groups.of(pid)).toEqual([99])
  })
})
