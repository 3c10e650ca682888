/** `vivefs mount` and `vivefs umount`. */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMounted } from '@vivefs/fuse'
import { afterAll, describe, expect, test } from 'vitest'
import { Bench, obstacle, run, sh } from './server.ts'

const why = obstacle()

describe.skipIf(why !== undefined)(`the command${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  const bench = new Bench()
  afterAll(() => bench.clean())

  const vivefs = async (...args: string[]) => run(process.execPath, [(await bench.bundled()).cli, ...args])
  const place = (): string => {
    const directory = bench.path('mnt')
    mkdirSync(directory)
    return directory
  }
  const volume = async (): Promise<string> => {
    const where = bench.path('volume')
    expect((await vivefs('mkfs', where)).stderr).toBe('')
    return where
  }

  test('in the background: mounted when it comes back, free when umount comes back', async () => {
    const where = await volume()
    const directory = place()
    const { status, stdout, stderr } = await vivefs('mount', where, directory, '--background', '--json')
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ volume: where, directory, pid: expect.any(Number) })
    expect(await sh(`echo hi > ${directory}/f; df --output=source ${directory} | tail -1`)).toBe(where)
    const gone = await vivefs('umount', directory)
    expect(gone).toMatchObject({ status: 0, stdout: `unmounted ${directory}\n` })
    expect(await vivefs('cat', `${where}:/f`)).toMatchObject({ status: 0, stdout: 'hi\n' })
    expect(await vivefs('umount', directory)).toMatchObject({ status: 2 })
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`in the foreground: ${signal} ends it, with exit code 0 and a sound volume`, async () => {
      const where = await volume()
      const directory = place()
      const child = spawn(process.execPath, [(await bench.bundled()).cli, 'mount', where, directory], { stdio: 'pipe' })
      const ended = new Promise((resolve) => child.once('exit', (code, by) => resolve(by ?? code)))
      await new Promise((resolve) => child.stdout.once('data', resolve))
      await sh(`echo hi > ${directory}/f`)
      child.kill(signal)
      expect(await ended).toBe(0)
      expect(isMounted(directory)).toBe(false)
      expect(await vivefs('fsck', where)).toMatchObject({ status: 0 })
    })
  }

  test('a signal while it is in use: it ends with its last user', async () => {
    const where = await volume()
    const directory = place()
    const child = spawn(process.execPath, [(await bench.bundled()).cli, 'mount', where, directory], { stdio: 'pipe' })
    const ended = new Promise((resolve) => child.once('exit', (code, by) => resolve(by ?? code)))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const user = run('sh', ['-c', `cd ${directory}; touch ready; read line; echo late > f`], {})
    const slow = run('sh', ['-c', `exec 3>${directory}/g; sleep 2; echo late >&3`])
    await sleep(500)
    child.kill('SIGTERM')
    await sleep(500)
    expect(isMounted(directory)).toBe(false)
    await Promise.all([user, slow])
    expect(await ended).toBe(0)
    expect(await vivefs('cat', `${where}:/g`)).toMatchObject({ status: 0, stdout: 'late\n' })
  })

  test('a snapshot: what was then, which nobody can change; one that is not there', async () => {
    const where = await volume()
    const directory = place()
    const mounted = async (...flags: string[]): Promise<void> => {
      expect(await vivefs('mount', where, directory, '--background', ...flags)).toMatchObject({ status: 0, stderr: '' })
    }
    await mounted()
    await sh(`cd ${directory}; mkdir d; echo then > d/f; ln d/f g`)
    await vivefs('umount', directory)
    expect(await vivefs('snapshot', 'create', where, 'monday')).toMatchObject({ status: 0 })
    await mounted()
    await sh(`cd ${directory}; echo now > d/f; rm g; echo new > h`)
    await vivefs('umount', directory)
    await mounted('--snapshot', 'monday')
    expect(await sh(`cd ${directory}; cat d/f g; stat -c %h g; ls`)).toBe('then\nthen\n2\nd\ng')
    const refusal = await run('sh', ['-c', `cd ${directory}; echo 2 > g; rm g; mkdir y`])
    expect(refusal.stderr.match(/Read-only file system/g)).toHaveLength(3)
    await vivefs('umount', directory)
    const none = await vivefs('mount', where, directory, '--snapshot', 'tuesday')
    expect(none).toMatchObject({ status: 1, stderr: expect.stringMatching(/^vivefs: ENOENT/) })
    expect(isMounted(directory)).toBe(false)
  }, 90_000)

  test('errors carry their code; in the background too', async () => {
    const where = await volume()
    const missing = bench.path('missing')
    for (const flags of [[], ['--background']]) {
      const refused = await vivefs('mount', where, missing, ...flags, '--json')
      expect(refused.status).toBe(1)
      expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'FUSE_ARGUMENT' } })
      const none = await vivefs('mount', missing, place(), ...flags)
      expect(none).toMatchObject({ status: 1, stderr: expect.stringMatching(/^vivefs: ERR_VIVEFS_NOT_A_VOLUME/) })
    }
    expect(await vivefs('mount', where, place(), '--cache-seconds', 'x')).toMatchObject({ status: 2 })
  })

  test('without the package: a message that says what to install', async () => {
    const { cli } = await bench.bundled()
    const alone = join(bench.path('alone'), 'cli.mjs')
    mkdirSync(join(alone, '..'))
    copyFileSync(cli, alone)
    const refused = await run('sh', [
      '-c',
      `unset NODE_PATH; cd ${join(alone, '..')}; ${process.execPath} cli.mjs mount a b`,
    ])
    expect(refused.stderr).toMatch(/^vivefs: ERR_VIVEFS_ENGINE: .*npm install @vivefs\/fuse/)
    expect(refused.status).toBe(1)
  })

  test('--help shows an example', async () => {
    expect((await vivefs('mount', '--help')).stdout).toMatch(/\$ vivefs mount photos.vive \/mnt\/photos/)
    expect((await vivefs('umount', '--help')).stdout).toMatch(/\$ vivefs umount/)
  })
})
