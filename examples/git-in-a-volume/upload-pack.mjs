/**
 * `git clone`, `fetch` and `pull` from repositories that live in a volume: the smart HTTP protocol (gitprotocol-http, version 0) to
 * read, with isomorphic-git on the volume's `fs`.
 */
import { createServer } from 'node:http'
import git from 'isomorphic-git'
import { hasCommit, missingObjects } from './objects.mjs'
import { band, FLUSH, line, parseLines } from './pkt-lines.mjs'

const SERVICE = 'git-upload-pack'
const REQUEST_BYTES_MAX = 16 << 20

class Refusal extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/** HEAD, branches and tags: [name, oid] of each. */
async function refsOf(repository) {
  const names = [
    ...(await git.listBranches(repository)).map((name) => `refs/heads/${name}`),
    ...(await git.listTags(repository)).map((name) => `refs/tags/${name}`),
  ]
  const refs = []
  for (const ref of ['HEAD', ...names.sort()]) {
    const oid = await git.resolveRef({ ...repository, ref }).catch(() => undefined)
    if (oid !== undefined) refs.push([ref, oid])
  }
  return refs
}

async function advertise(repository, response) {
  const head = await git.currentBranch({ ...repository, fullname: true })
  const symref = typeof head === 'string' ? ` symref=HEAD:${head}` : ''
  const capabilities = `side-band-64k ofs-delta no-progress agent=vivefs-example${symref}`
  const refs = await refsOf(repository)
  response.writeHead(200, { 'content-type': `application/x-${SERVICE}-advertisement`, 'cache-control': 'no-cache' })
  response.write(Buffer.concat([line(`# service=${SERVICE}\n`), FLUSH]))
  for (const [i, [name, oid]] of refs.entries()) {
    response.write(line(`${oid} ${name}${i === 0 ? `\0${capabilities}` : ''}\n`))
  }
  if (refs.length === 0) response.write(line(`${'0'.repeat(40)} capabilities^{}\0${capabilities}\n`))
  response.end(FLUSH)
}

async function bodyOf(request) {
  const parts = []
  let bytes = 0
  for await (const part of request) {
    bytes += part.length
    if (bytes > REQUEST_BYTES_MAX) throw new Refusal(413, 'too long')
    parts.push(part)
  }
  return Buffer.concat(parts)
}

async function upload(repository, request, response) {
  const lines = parseLines(await bodyOf(request))
  const words = lines.filter((text) => text !== null).map((text) => text.split(' '))
  const oids = (verb) => words.filter(([word]) => word === verb).map(([, oid]) => oid)
  const offered = new Set((await refsOf(repository)).map(([, oid]) => oid))
  const wants = oids('want')
  if (wants.length === 0 || !wants.every((oid) => offered.has(oid))) throw new Refusal(403, 'not one of our refs')
  const haves = []
  for (const oid of oids('have')) if (await hasCommit(repository, oid)) haves.push(oid)
  const isDone = words.some(([word]) => word === 'done')
  response.writeHead(200, { 'content-type': `application/x-${SERVICE}-result`, 'cache-control': 'no-cache' })
  response.write(line(haves.length > 0 ? `ACK ${haves[0]}\n` : 'NAK\n'))
  if (!isDone) return response.end()
  const missing = await missingObjects(repository, wants, haves)
  const { packfile } = await git.packObjects({ ...repository, oids: [...missing], write: false })
  for (const piece of band(Buffer.from(packfile))) response.write(piece)
  response.end(FLUSH)
}

/** The repository in the path, which must exist below `root`. */
async function repositoryOf(fs, root, name) {
  const gitdir = `${root}/${name}`
  const isThere = name.split('/').every((part) => part !== '..') && (await isRepository(fs, gitdir))
  if (!isThere) throw new Refusal(404, 'no such repository')
  return { fs, gitdir, cache: {} }
}

const isRepository = (fs, gitdir) =>
  fs.promises.access(`${gitdir}/HEAD`).then(
    () => true,
    () => false,
  )

async function serve(fs, root, request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://volume')
  const [, name, action] = /^\/(.+)\/(info\/refs|git-upload-pack)$/.exec(decodeURIComponent(pathname)) ?? []
  if (name === undefined) throw new Refusal(404, 'no such thing')
  const repository = await repositoryOf(fs, root, name)
  if (action === 'git-upload-pack' && request.method === 'POST') await upload(repository, request, response)
  else if (action === 'info/refs' && searchParams.get('service') === SERVICE) await advertise(repository, response)
  else throw new Refusal(403, 'to read only')
}

/** Serves the repositories below `root` of `fs` on a port of this machine, 0 for any. */
export async function serveGit(fs, { root = '', port = 0, host = '127.0.0.1' } = {}) {
  const server = createServer((request, response) => {
    serve(fs, root, request, response).catch((error) => {
      if (response.headersSent) return response.destroy(error)
      response.writeHead(error.status ?? 500).end(`${error.message}\n`)
    })
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return server
}
