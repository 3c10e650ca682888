/** An SSH server with nothing but SFTP in it. Users, their passwords and keys, and the host's key live in the volume. */
import { authenticate, viewOf } from '@vivefs-examples/gateway-users'
import ssh2 from 'ssh2'
import { serveSession } from './session.mjs'

const HOST_KEY = '/etc/ssh/host_key'
/** Tries of one connection. */
const TRIES_MAX = 6

/** The host's private key, made the first time. */
async function hostKey(vive) {
  const fs = vive.root.fs.promises
  const there = await fs.readFile(HOST_KEY, 'utf8').catch((error) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (there !== undefined) return there
  const { private: key } = ssh2.utils.generateKeyPairSync('ed25519')
  await fs.mkdir('/etc/ssh', { recursive: true, mode: 0o700 })
  await fs.writeFile(HOST_KEY, key, { mode: 0o600, flag: 'wx' })
  return key
}

/** Whether one of the keys in the user's `~/.ssh/authorized_keys` made the signature; without one, whether the key is among them. */
async function isOwnKey(vive, user, { key, blob, signature, hashAlgo }) {
  const view = viewOf(vive, user)
  const text = await view.fs.promises.readFile(`/home/${user.name}/.ssh/authorized_keys`, 'utf8').catch(() => '')
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const known = ssh2.utils.parseKey(line)
    if (known instanceof Error || known.type !== key.algo || !known.getPublicSSH().equals(key.data)) continue
    return signature === undefined || known.verify(blob, signature, hashAlgo) === true
  }
  return false
}

async function whoIs(vive, attempt) {
  if (attempt.method === 'password') return await authenticate(vive, attempt.username, attempt.password)
  if (attempt.method !== 'publickey') return undefined
  const user = await vive.users.get(attempt.username).catch(() => undefined)
  return user !== undefined && (await isOwnKey(vive, user, attempt)) ? user : undefined
}

function serveClient(vive, client) {
  let user
  let tries = 0
  client.on('authentication', (attempt) => {
    whoIs(vive, attempt)
      .then((found) => {
        user = found
        if (found !== undefined) attempt.accept()
        else if (++tries < TRIES_MAX) attempt.reject(['publickey', 'password'])
        else client.end()
      })
      .catch(() => attempt.reject(['publickey', 'password']))
  })
  client.on('session', (accept) => {
    accept().on('sftp', (open) => {
      const home = `/home/${user.name}`
      serveSession(open(), viewOf(vive, user, { cwd: home, umask: 0o022 }).fs.promises, home)
    })
  })
  // A client that goes away in the middle is no event for anybody else.
  client.on('error', () => {})
}

/** Serves `vive` on a port of this machine, 0 for any. Answers the server; `server.address().port` says which. */
export async function serveSftp(vive, { port = 0, host = '127.0.0.1' } = {}) {
  const server = new ssh2.Server({ hostKeys: [await hostKey(vive)] }, (client) => serveClient(vive, client))
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return server
}
