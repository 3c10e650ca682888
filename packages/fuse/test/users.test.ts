/** Ordinary users serve mounts: each of the ways that docs/mount.md names. */
import { spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { placeOfGiven } from '../src/given-device.ts'
import { Bench, obstacle, run, sh } from './server.ts'

const why = obstacle()
const NOBODY = { uid: 65534, gid: 65534 }

const lacks = async (script: string): Promise<boolean> => (await run('sh', ['-c', script])).status !== 0
const helper = why === undefined && (await lacks('command -v mount.fuse3')) ? 'there is no mount.fuse3' : why
const fusermount =
  why ??
  ((await lacks('[ -u "$(command -v fusermount3)" ] && python3 -c "import socket; socket.recv_fds"'))
    ? 'there is no fusermount3 with its set-user-id bit, or no python3 from 3.9 on'
    : undefined)
const spaces =
  why === undefined && (await lacks('[ -w /dev/fuse ] && setpriv --reuid 65534 --clear-groups unshare -Urm true'))
    ? 'ordinary users make no user namespaces here'
    : why

describe.skipIf(why !== undefined)(`ordinary users${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  const bench = new Bench()
  afterAll(() => bench.clean())

  /** A directory of nobody's, with a volume in it. */
  const home = async (): Promise<{ at: string; volume: string; directory: string; cli: string }> => {
    const { cli, directory: bundled } = await bench.bundled()
    chmodSync(bundled, 0o755)
    const at = bench.path('home')
    const directory = `${at}/mnt dir`
    mkdirSync(directory, { recursive: true })
    for (const each of [at, directory]) chownSync(each, NOBODY.uid, NOBODY.gid)
    const made = await run(process.execPath, [cli, 'mkfs', `${at}/volume`], NOBODY)
    expect(made.stderr).toBe('')
    return { at, volume: `${at}/volume`, directory, cli }
  }

  test.skipIf(helper !== undefined)(
    `mount.fuse3 mounts, and starts the server as nobody with the descriptor${helper === undefined ? '' : ` (skipped: ${helper})`}`,
    async () => {
      const { at, volume, directory, cli } = await home()
      const launcher = `${at}/vivefs-launcher`
      writeFileSync(launcher, `#!/bin/sh\nexec ${process.execPath} ${cli} mount "$1" "$2"\n`, { mode: 0o755 })
      const options = 'drop_privileges,setuid=nobody,allow_other,default_permissions'
      const child = spawn('mount.fuse3', [`${launcher}#${volume}`, directory, '-o', options], { stdio: 'pipe' })
      let said = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (text) => {
          said += text
        })
      }
      const ended = new Promise((resolve) => child.once('exit', resolve))
      await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended])
      expect(said).toBe(`mounted ${volume} on ${directory}\n`)
      expect(await sh(`stat -c %u /proc/${child.pid}; grep CapEff /proc/${child.pid}/status`)).toMatch(
        /^65534\nCapEff:\s0+$/,
      )
      expect(await sh(`cd '${directory}'; echo hi > f; cat f; stat -c %u f`, NOBODY)).toBe('hi\n65534')
      // By a signal the server ends, behind the shell of mount.fuse3; the mount is the superuser's to take away.
      await sh(`kill $(pgrep -P ${child.pid})`, NOBODY)
      expect(await ended).toBe(0)
      expect((await run('cat', [`${directory}/f`])).stderr).toMatch(/not connected|abort/)
      await sh(`umount '${directory}'`)
      expect(await run(process.execPath, [cli, 'cat', `${volume}:/f`], NOBODY)).toMatchObject({ stdout: 'hi\n' })
      expect(await run(process.execPath, [cli, 'fsck', volume], NOBODY)).toMatchObject({ status: 0 })
    },
  )

  test.skipIf(fusermount !== undefined)(
    `fusermount3 mounts in the name of nobody, and a program of ten lines hands the descriptor on${fusermount === undefined ? '' : ` (skipped: ${fusermount})`}`,
    async () => {
      const { at, volume, directory, cli } = await home()
      writeFileSync(`${at}/vivefs`, `#!/bin/sh\nexec ${process.execPath} ${cli} "$@"\n`, { mode: 0o755 })
      const program = fileURLToPath(new URL('./programs/fusermount.py', import.meta.url))
      const env = { ...process.env, PATH: `${at}:${process.env.PATH}` }
      const child = spawn('python3', [program, volume, directory], {
        ...NOBODY,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      expect(
        await Promise.race([new Promise((resolve) => child.stdout.once('data', (text) => resolve(`${text}`))), ended]),
      ).toBe(`mounted ${volume} on ${directory}\n`)
      expect(await sh(`cd '${directory}'; echo hi > f; cat f; stat -c %u f`, NOBODY)).toBe('hi\n65534')
      child.kill('SIGTERM')
      expect(await ended).toBe(0)
      expect(await sh(`mountpoint -q '${directory}' || echo free`)).toBe('free')
      expect(await run(process.execPath, [cli, 'fsck', volume], NOBODY)).toMatchObject({ status: 0 })
    },
  )

  test.skipIf(spaces !== undefined)(
    `in a user namespace one is one's own superuser${spaces === undefined ? '' : ` (skipped: ${spaces})`}`,
    async () => {
      const { volume, directory, cli } = await home()
      const vivefs = `${process.execPath} ${cli}`
      // Made in there: who owns the other, made outside, does not exist in there.
      const own = `${volume}-2`
      const script = `${vivefs} mkfs ${own} > /dev/null; ${vivefs} mount ${own} '${directory}' --background > /dev/null
        echo hi > '${directory}/f'; cat '${directory}/f'; stat -c %u '${directory}/f'; ${vivefs} umount '${directory}' > /dev/null
        ${vivefs} mount ${volume} '${directory}' --background > /dev/null; touch '${directory}/f' || stat -c %u '${directory}'
        ${vivefs} umount '${directory}' > /dev/null`
      const inside = ['unshare', '-Urm', '--propagation', 'private', 'sh', '-euc', script]
      const { stdout, stderr } = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...inside])
      expect(stdout).toBe('hi\n0\n65534\n')
      expect(stderr).toMatch(/^touch: .*Permission denied\n$/)
      expect(await run(process.execPath, [cli, 'cat', `${own}:/f`], NOBODY)).toMatchObject({ stdout: 'hi\n' })
    },
  )

  test('a descriptor of something else: FUSE_ARGUMENT', async () => {
    expect(() => placeOfGiven(0)).toThrow(expect.objectContaining({ code: 'FUSE_ARGUMENT' }))
    expect(() => placeOfGiven(999_999)).toThrow(expect.objectContaining({ code: 'FUSE_ARGUMENT' }))
    const { volume, cli } = await home()
    const { status, stderr } = await run(process.execPath, [cli, 'mount', volume, '/dev/fd/0'], NOBODY)
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/descriptor 0 is not \/dev\/fuse/)
  })
})
