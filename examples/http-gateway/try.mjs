// Tries the gateway with fetch, and with curl where it is installed.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addUser } from '@vivefs-examples/gateway-users'
import { has, held, run, withFolder } from '@vivefs-examples/try'
import { ViveFS } from 'vivefs'
import { serveHttp } from './server.mjs'

const ALICE = { authorization: `Basic ${Buffer.from('alice:secret').toString('base64')}` }

async function tryConditions(url) {
  const first = await fetch(`${url}/open.txt`)
  assert.equal(await first.text(), '0123456789')
  assert.equal(first.headers.get('content-type'), 'text/plain')
  const etag = first.headers.get('etag')
  const status = async (headers) => (await fetch(`${url}/open.txt`, { headers })).status
  assert.equal(await status({ 'if-none-match': `"other", ${etag}` }), 304)
  assert.equal(await status({ 'if-modified-since': first.headers.get('last-modified') }), 304)
  assert.equal(await status({ 'if-none-match': '"other"' }), 200)
  held('etags and dates: 304 when nothing changed')

  const part = async (range, more) => {
    const answer = await fetch(`${url}/open.txt`, { headers: { range, ...more } })
    return [answer.status, await answer.text(), answer.headers.get('content-range')]
  }
  assert.deepEqual(await part('bytes=2-4'), [206, '234', 'bytes 2-4/10'])
  assert.deepEqual(await part('bytes=7-'), [206, '789', 'bytes 7-9/10'])
  assert.deepEqual(await part('bytes=-3'), [206, '789', 'bytes 7-9/10'])
  assert.deepEqual(await part('bytes=5-99'), [206, '56789', 'bytes 5-9/10'])
  assert.deepEqual(await part('bytes=10-'), [416, '', 'bytes */10'])
  assert.deepEqual(await part('bytes=4-2'), [200, '0123456789', null])
  assert.deepEqual(await part('bytes=2-4', { 'if-range': '"other"' }), [200, '0123456789', null])
  assert.deepEqual(await part('bytes=2-4', { 'if-range': etag }), [206, '234', 'bytes 2-4/10'])
  held('ranges: closed, open, of the end, beyond it, only if nothing changed')
}

async function tryRights(url) {
  const status = async (path, headers) => (await fetch(url + path, { headers, redirect: 'manual' })).status
  assert.equal(await status('/home/alice/private.txt'), 401)
  assert.equal(await status('/home/alice/private.txt', ALICE), 200)
  assert.equal(await status('/home/bob/', ALICE), 401)
  assert.equal(await status('/', { authorization: `Basic ${btoa('alice:wrong')}` }), 401)
  assert.equal(await status('/nothing'), 404)
  assert.equal(await status('/%zz'), 400)
  assert.equal(await status('/a%00b'), 400)
  assert.equal(await status('/home'), 301)
  assert.equal((await fetch(`${url}/open.txt`, { method: 'PUT', body: 'x' })).status, 405)
  held('rights are those of the volume; bad requests get their codes')

  const page = await (await fetch(`${url}/`)).text()
  assert.match(page, /<a href="\.\/open\.txt">open\.txt<\/a>/)
  assert.match(page, /&lt;b&gt;&amp;\.txt/)
  held('the index is a page, and names cannot break out of it')
}

async function tryCurl(url, data, folder) {
  if (!has('curl')) return
  const to = join(folder, 'resumed')
  writeFileSync(to, data.subarray(0, 100_000))
  await run('curl', ['-sS', '--fail', '-C', '-', '-o', to, `${url}/big`])
  assert.ok(readFileSync(to).equals(data))
  held('curl resumed a download of 5 MB')
}

await withFolder(async (folder) => {
  const vive = await ViveFS.open('memory://')
  const root = vive.root.fs.promises
  const data = randomBytes(5_000_000)
  await root.chmod('/', 0o755)
  await root.writeFile('/open.txt', '0123456789')
  await root.writeFile('/<b>&.txt', '')
  await root.writeFile('/big', data)
  const alice = await addUser(vive, 'alice', 'secret')
  await addUser(vive, 'bob', 'other secret')
  await vive.as(alice).fs.promises.writeFile('/home/alice/private.txt', 'mine')
  const server = await serveHttp(vive)
  const url = `http://127.0.0.1:${server.address().port}`
  await tryConditions(url)
  await tryRights(url)
  await tryCurl(url, data, folder)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await vive.close()
})
