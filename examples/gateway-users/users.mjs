/**
 * Who may come in through a gateway: the volume's own accounts (`vive.users`), each with a password that lives in the volume, as a
 * salted scrypt hash in a file that only the superuser reads.
 */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const hash = promisify(scrypt)
const HASH_BYTES = 32
const FOLDER = '/etc/passwords'
/** Stands in for a user who is not there, so that a wrong name takes as long as a wrong password. */
const NOBODY = `${randomBytes(16).toString('hex')}:${'0'.repeat(2 * HASH_BYTES)}`

/** Makes the account if there is none, sets its password, and makes its home `/home/NAME`. Answers the account. */
export async function addUser(vive, name, password) {
  const root = vive.root.fs.promises
  const user = (await vive.users.get(name)) ?? (await vive.users.add({ name }))
  await root.mkdir(FOLDER, { recursive: true, mode: 0o700 })
  const salt = randomBytes(16)
  const key = await hash(password, salt, HASH_BYTES)
  await root.writeFile(`${FOLDER}/${name}`, `${salt.toString('hex')}:${key.toString('hex')}`, { mode: 0o600 })
  const home = `/home/${name}`
  await root.mkdir(home, { recursive: true })
  await root.chown(home, user.uid, user.gid)
  await root.chmod(home, 0o750)
  return user
}

/** The volume as the user of that account sees it. */
export function viewOf(vive, user, options = {}) {
  return vive.as({ uid: user.uid, gid: user.gid, groups: user.groups, ...options })
}

/** Right passwords of the last minute by a keyed digest, so that a client which sends its password with each request pays once. */
const PROVEN_MS = 60_000
const PROVEN_MAX = 1000
const proven = new Map()
const secret = randomBytes(32)

/** The account, when the password is right; otherwise undefined. */
export async function authenticate(vive, name, password) {
  const digest = createHmac('sha256', secret).update(`${vive.volumeId}\0${name}\0${password}`).digest('hex')
  if ((proven.get(digest) ?? 0) > Date.now()) return await vive.users.get(name)
  const user = await check(vive, name, password)
  if (user === undefined) return undefined
  proven.delete(digest)
  proven.set(digest, Date.now() + PROVEN_MS)
  if (proven.size > PROVEN_MAX) proven.delete(proven.keys().next().value)
  return user
}

async function check(vive, name, password) {
  const user = await vive.users.get(name).catch(() => undefined)
  const stored =
    user === undefined ? NOBODY : await vive.root.fs.promises.readFile(`${FOLDER}/${name}`, 'utf8').catch(() => NOBODY)
  const [salt, key] = stored.split(':').map((part) => Buffer.from(part, 'hex'))
  const given = await hash(password, salt, HASH_BYTES)
  return timingSafeEqual(given, key) && stored !== NOBODY ? user : undefined
}

/** Name and password of an HTTP request (RFC 7617), or undefined. */
export function basicCredentials(request) {
  const [scheme, encoded = ''] = (request.headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'basic') return undefined
  const [, name, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? []
  return name === undefined ? undefined : { name, password }
}
