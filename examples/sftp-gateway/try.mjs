// Tries the gateway: the client of ssh2, OpenSSH's sftp with password and key, sshfs with fio's verification.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addUser, viewOf } from '@vivefs-examples/gateway-users'
import { has, held, run, withFolder } from '@vivefs-examples/try'
import ssh2 from 'ssh2'
import { ViveFS } from 'vivefs'
import { serveSftp } from './server.mjs'

const UNKNOWN_HOST = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR']

/** The calls of ssh2's SFTP client, promised. */
function promised(sftp) {
  return new Proxy(sftp, {
    get:
      (target, name) =>
      (...args) =>
        new Promise((resolve, reject) => {
          target[name](...args, (error, value) => (error ? reject(error) : resolve(value)))
        }),
  })
}

async function tryLibrary(port) {
  const refused = new ssh2.Client()
  refused.connect({ host: '127.0.0.1', port, username: 'alice', password: 'wrong' })
  const [error] = await once(refused, 'error')
  assert.match(error.message, /authentication methods failed/)
  held('a wrong password is refused')

  const client = new ssh2.Client()
  client.connect({ host: '127.0.0.1', port, username: 'alice', password: 'secret' })
  await once(client, 'ready')
  const sftp = promised(await promised(client).sftp())
  await sftp.mkdir('docs')
  await sftp.writeFile('docs/a.txt', 'first')
  await sftp.rename('docs/a.txt', 'docs/b.txt')
  await sftp.writeFile('docs/a.txt', 'second')
  await assert.rejects(sftp.rename('docs/a.txt', 'docs/b.txt'), { code: 4 })
  await sftp.symlink('b.txt', 'docs/link')
  assert.equal(await sftp.readlink('docs/link'), 'b.txt')
  assert.equal((await sftp.readFile('docs/link')).toString(), 'first')
  await sftp.chmod('docs/b.txt', 0o600)
  assert.equal((await sftp.stat('docs/link')).mode, 0o100600)
  await sftp.utimes('docs/b.txt', 1000, 2000)
  assert.equal((await sftp.lstat('docs/b.txt')).mtime, 2000)
  assert.deepEqual((await sftp.readdir('docs')).map(({ filename }) => filename).sort(), ['a.txt', 'b.txt', 'link'])
  assert.equal(await sftp.realpath('docs/../docs'), '/home/alice/docs')
  await assert.rejects(sftp.readdir('/etc/passwords'), { code: 3 })
  await assert.rejects(sftp.writeFile('/home/bob/intrusion', 'x'), { code: 3 })
  await assert.rejects(sftp.stat('nothing'), { code: 2 })
  await assert.rejects(sftp.rmdir('docs'), { code: 4 })
  client.end()
  held('files, directories, links, modes and times; what belongs to others is refused')
}

async function tryOpenSsh(vive, alice, port, folder) {
  if (!has('sftp') || !has('ssh-keygen')) return
  const key = join(folder, 'key')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const home = viewOf(vive, alice, { cwd: '/home/alice' }).fs.promises
  await home.mkdir('.ssh')
  await home.writeFile('.ssh/authorized_keys', readFileSync(`${key}.pub`))
  const data = randomBytes(3_000_000)
  writeFileSync(join(folder, 'up'), data)
  const batch = ['put up', 'mkdir sub', 'rename up sub/down', 'get sub/down', 'ls -l sub', 'bye']
  const printed = await run('sftp', ['-i', key, '-b', '-', ...UNKNOWN_HOST, '-P', String(port), 'alice@127.0.0.1'], {
    cwd: folder,
    input: `${batch.join('\n')}\n`,
  })
  assert.match(printed, /-rw-r--r--.*3000000.*down/)
  assert.ok(readFileSync(join(folder, 'down')).equals(data))
  held("OpenSSH's sftp with a key from the volume: 3 MB there and back")
}

async function trySshfs(port, folder) {
  if (!has('sshfs') || !has('fio') || !has('fusermount3')) return
  const mount = join(folder, 'mount')
  mkdirSync(mount)
  const options = ['-o', `port=${port}`, '-o', `IdentityFile=${join(folder, 'key')}`, '-o', 'workaround=rename']
  await run('sshfs', ['alice@127.0.0.1:', mount, ...options, ...UNKNOWN_HOST])
  try {
    const job = ['--name=verify', `--directory=${mount}`, '--size=4m', '--bs=16k', '--rw=randwrite', '--verify=crc32c']
    // Otherwise fio leaves a file about its state in the directory that the trial was started from.
    job.push('--verify_state_save=0')
    const printed = await run('fio', [...job, '--ioengine=psync', '--output-format=json'], { timeoutMs: 120_000 })
    const { jobs } = JSON.parse(printed.slice(printed.indexOf('{'), printed.lastIndexOf('}') + 1))
    assert.equal(jobs[0].error, 0)
    held('sshfs: fio wrote 4 MiB at random places and verified every checksum')
  } finally {
    await run('fusermount3', ['-u', mount])
  }
}

await withFolder(async (folder) => {
  const vive = await ViveFS.open('memory://')
  const alice = await addUser(vive, 'alice', 'secret')
  await addUser(vive, 'bob', 'other secret')
  const server = await serveSftp(vive)
  const { port } = server.address()
  await tryLibrary(port)
  await tryOpenSsh(vive, alice, port, folder)
  await trySshfs(port, folder)
  await new Promise((resolve) => server.close(resolve))
  assert.deepEqual((await vive.fsck()).findings, [])
  await vive.close()
  held('the volume is clean')
})
