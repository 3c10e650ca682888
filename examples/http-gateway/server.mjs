/**
 * A volume over HTTP, to read: ranges and conditions (RFC 9110), directory index, the rights of the user who asks. Without a password one sees
 * what everybody may see.
 */
import { createServer } from 'node:http'
import { posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { authenticate, basicCredentials, viewOf } from '@vivefs-examples/gateway-users'
import mime from 'mime'
import { indexPage } from './index-page.mjs'

const NOBODY = { uid: 65534, gid: 65534, groups: [], umask: 0o022 }
const STATUS = { ENOENT: 404, ENOTDIR: 404, ELOOP: 404, ENAMETOOLONG: 414, EACCES: 403, EPERM: 403 }

/** An answer without a body of its own. */
class Answer extends Error {
  constructor(status, headers = {}) {
    super(String(status))
    this.status = status
    this.headers = headers
  }
}

/** Changes whenever content or attributes change: inode and the time of its last change, to the nanosecond. */
const etagOf = (stats) => `"${stats.ino.toString(36)}-${stats.ctimeNs.toString(36)}"`

/** `bytes=a-b`, `a-`, `-n` of a file of `size` bytes; undefined: the whole file (none asked, several, or not understood: RFC 9110, 14.2). */
function rangeOf(header, size) {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (found === null || (found[1] === '' && found[2] === '')) return undefined
  const suffix = found[1] === ''
  const start = suffix ? Math.max(0, size - Number(found[2])) : Number(found[1])
  const end = suffix || found[2] === '' ? size - 1 : Math.min(Number(found[2]), size - 1)
  if (!suffix && found[2] !== '' && Number(found[2]) < start) return undefined
  if (start >= size || end < start) throw new Answer(416, { 'content-range': `bytes */${size}` })
  return { start, end }
}

/** Whether the client has this already (RFC 9110, 13.1). */
function isFresh(headers, etag, modifiedMs) {
  const match = headers['if-none-match']
  if (match !== undefined) {
    const tags = match.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
    return tags.includes('*') || tags.includes(etag)
  }
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return modifiedMs - (modifiedMs % 1000) <= since
}

/** Whether a range still means the same file (RFC 9110, 13.1.5). */
function rangeHolds(condition, etag, modifiedMs) {
  if (condition === undefined) return true
  return condition.startsWith('"') ? condition === etag : modifiedMs - (modifiedMs % 1000) === Date.parse(condition)
}

async function sendFile(request, response, handle, path) {
  const stats = await handle.stat({ bigint: true })
  const size = Number(stats.size)
  const modifiedMs = Number(stats.mtimeMs)
  const etag = etagOf(stats)
  const headers = {
    etag,
    'last-modified': new Date(modifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': mime.getType(path) ?? 'application/octet-stream',
    'x-content-type-options': 'nosniff',
  }
  if (isFresh(request.headers, etag, modifiedMs)) throw new Answer(304, { etag })
  const isWhole = !rangeHolds(request.headers['if-range'], etag, modifiedMs)
  const range = isWhole ? undefined : rangeOf(request.headers.range, size)
  const { start, end } = range ?? { start: 0, end: size - 1 }
  if (range !== undefined) headers['content-range'] = `bytes ${start}-${end}/${size}`
  response.writeHead(range === undefined ? 200 : 206, { ...headers, 'content-length': end - start + 1 })
  if (request.method === 'HEAD' || size === 0) return response.end()
  await pipeline(handle.createReadStream({ start, end, autoClose: false }), response)
}

async function sendIndex(request, response, fs, path) {
  const body = Buffer.from(await indexPage(fs, path))
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': body.length,
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

async function viewFor(vive, request) {
  const credentials = basicCredentials(request)
  if (credentials === undefined) return vive.as(NOBODY)
  const user = await authenticate(vive, credentials.name, credentials.password)
  if (user === undefined) throw new Answer(401)
  return viewOf(vive, user)
}

function pathOf(url) {
  try {
    const path = decodeURIComponent(new URL(url, 'http://volume').pathname)
    if (!path.includes('\0')) return path
  } catch {
    // Not a URL, or percent signs that mean nothing.
  }
  throw new Answer(400)
}

async function serve(vive, request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new Answer(405, { allow: 'GET, HEAD' })
  const path = pathOf(request.url)
  const { fs } = await viewFor(vive, request)
  const stats = await fs.promises.stat(path)
  if (stats.isDirectory()) {
    if (!path.endsWith('/')) throw new Answer(301, { location: `${encodeURI(posix.basename(path))}/` })
    return await sendIndex(request, response, fs.promises, path)
  }
  if (!stats.isFile() || path.endsWith('/')) throw new Answer(404)
  const handle = await fs.promises.open(path)
  try {
    await sendFile(request, response, handle, path)
  } finally {
    await handle.close()
  }
}

function refuse(response, error) {
  if (response.headersSent) return response.destroy()
  const status = error.status ?? STATUS[error.code] ?? 500
  const headers = { ...error.headers }
  // Whoever may not see it as nobody may log in.
  if (status === 401 || status === 403) headers['www-authenticate'] = 'Basic realm="volume", charset="UTF-8"'
  response.writeHead(status === 403 ? 401 : status, headers)
  response.end()
}

/** Serves `vive` on a port of this machine, 0 for any. Answers the server; `server.address().port` says which. */
export async function serveHttp(vive, { port = 0, host = '127.0.0.1' } = {}) {
  const server = createServer((request, response) => {
    serve(vive, request, response).catch((error) => refuse(response, error))
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return server
}
