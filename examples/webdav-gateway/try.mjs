// Tries the gateway: RFC 4918 by litmus, cadaver and rclone, where they are installed; rights and broken uploads by fetch.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { addUser } from '@vivefs-examples/gateway-users'
import { has, held, run, withFolder } from '@vivefs-examples/try'
import { ViveFS } from 'vivefs'
import { serveWebdav } from './server.mjs'

const authorization = `Basic ${Buffer.from('alice:secret').toString('base64')}`

async function tryRights(vive, url) {
  const status = async (method, path, headers = { authorization }) =>
    (await fetch(url + path, { method, headers, body: method === 'PUT' ? 'new' : undefined })).status
  assert.equal(await status('GET', '/home/alice/', {}), 401)
  assert.equal(await status('PUT', '/home/alice/a.txt'), 201)
  assert.equal(await status('PUT', '/home/alice/a.txt'), 204)
  assert.equal(await status('PUT', '/home/bob/a.txt'), 403)
  assert.equal(await status('GET', '/home/bob/private.txt'), 403)
  // Multi-status: the body says which members were refused.
  assert.equal(await status('DELETE', '/home/bob/'), 207)
  assert.equal(await vive.root.fs.promises.readFile('/home/bob/private.txt', 'utf8'), 'mine')
  assert.equal(await status('PUT', '/home/alice/no/a.txt'), 409)
  const { uid, mode } = await vive.root.fs.promises.stat('/home/alice/a.txt')
  assert.deepEqual([uid, mode & 0o777], [1000, 0o644])
  held('files belong to who wrote them; what belongs to others is refused')
}

/** Half an upload, and then the line is cut. */
async function tryCutUpload(vive, port) {
  const fs = vive.root.fs.promises
  await fs.writeFile('/home/alice/kept.txt', 'the old content')
  await new Promise((resolve) => {
    const headers = { authorization, 'content-length': 1_000_000 }
    const upload = request({ port, host: '127.0.0.1', method: 'PUT', path: '/home/alice/kept.txt', headers })
    upload.on('error', resolve)
    upload.write(randomBytes(500_000), () => setTimeout(() => upload.destroy(), 100))
    upload.on('close', resolve)
  })
  assert.equal(await fs.readFile('/home/alice/kept.txt', 'utf8'), 'the old content')
  held('an upload that broke off left the old content')
}

async function tryLitmus(url) {
  if (!has('litmus')) return
  const printed = await run('litmus', ['-k', `${url}/home/alice/`, 'alice', 'secret'], { timeoutMs: 120_000 }).catch(
    ({ message }) => message,
  )
  const runs = [...printed.matchAll(/of (\d+) tests run: (\d+) passed/g)]
  const count = (column) => runs.reduce((sum, found) => sum + Number(found[column]), 0)
  if (process.argv.includes('--verbose')) console.log(printed)
  assert.ok(count(1) >= 72 && count(2) >= 72, printed)
  held(`litmus: ${count(2)} of ${count(1)} passed`)
}

async function tryCadaver(url, folder) {
  if (!has('cadaver')) return
  const data = randomBytes(1_000_000)
  writeFileSync(join(folder, 'up'), data)
  writeFileSync(join(folder, '.netrc'), 'machine 127.0.0.1 login alice password secret\n', { mode: 0o600 })
  const commands = ['put up', 'mkcol sub', 'move up sub/down', 'copy sub/down again', 'get again', 'ls', 'bye']
  const printed = await run('cadaver', [`${url}/home/alice/`], {
    cwd: folder,
    input: `${commands.join('\n')}\n`,
    env: { ...process.env, HOME: folder },
  })
  assert.match(printed, /again\s+1000000/)
  assert.ok(readFileSync(join(folder, 'again')).equals(data))
  held('cadaver: put, mkcol, move, copy, get')
}

async function tryRclone(url, folder) {
  if (!has('rclone')) return
  const from = join(folder, 'tree')
  for (let i = 0; i < 40; i++) {
    mkdirSync(join(from, `d${i % 4}`), { recursive: true })
    writeFileSync(join(from, `d${i % 4}`, `f ${i}`), randomBytes(i * 1000))
  }
  const password = (await run('rclone', ['obscure', 'secret'])).trim()
  const remote = `:webdav,url="${url}/home/alice",vendor=other,user=alice,pass=${password}:tree`
  const options = ['--config', join(folder, 'rclone.conf')]
  await run('rclone', ['sync', from, remote, ...options], { timeoutMs: 120_000 })
  await run('rclone', ['check', '--download', from, remote, ...options], { timeoutMs: 120_000 })
  held('rclone: 40 files synchronized, and compared byte by byte')
}

await withFolder(async (folder) => {
  const vive = await ViveFS.open('memory://')
  const root = vive.root.fs.promises
  await root.chmod('/', 0o755)
  await addUser(vive, 'alice', 'secret')
  await addUser(vive, 'bob', 'other secret')
  await root.writeFile('/home/bob/private.txt', 'mine')
  const server = await serveWebdav(vive)
  const { port } = server.address()
  const url = `http://127.0.0.1:${port}`
  await tryRights(vive, url)
  await tryCutUpload(vive, port)
  await tryLitmus(url)
  await tryCadaver(url, folder)
  await tryRclone(url, folder)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  assert.deepEqual((await vive.fsck()).findings, [])
  await vive.close()
  held('the volume is clean')
})
