/** WebDAV (RFC 4918, classes 1, 2 and 3) on a volume. Users and their passwords live in it. */
import { authenticate, basicCredentials, viewOf } from '@vivefs-examples/gateway-users'
import express from 'express'
import nephele, { UnauthorizedError } from 'nephele'
import { VolumeAdapter } from './adapter.mjs'
import { LockTable } from './locks.mjs'

const NOBODY = { uid: 65534, gid: 65534, groups: [], umask: 0o022 }

/** Logs in with the accounts of the volume. */
class Accounts {
  #vive

  constructor(vive) {
    this.#vive = vive
  }

  async authenticate(request, response) {
    const credentials = basicCredentials(request)
    const user =
      credentials === undefined ? undefined : await authenticate(this.#vive, credentials.name, credentials.password)
    if (user === undefined) {
      response.set('WWW-Authenticate', 'Basic realm="volume", charset="UTF-8"')
      throw new UnauthorizedError('who is it?')
    }
    return { username: user.name, uid: user.uid, gid: user.gid, gids: user.groups, account: user }
  }

  async cleanAuthentication() {}
}

/** Serves `vive` on a port of this machine, 0 for any. Answers the server; `server.address().port` says which. */
export async function serveWebdav(vive, { port = 0, host = '127.0.0.1' } = {}) {
  const locks = new LockTable()
  const adapter = async (_request, { locals: { user } }) => {
    const view = user === undefined ? vive.as(NOBODY) : viewOf(vive, user.account)
    return new VolumeAdapter(view.fs.promises, locks)
  }
  const app = express()
  app.disable('x-powered-by')
  app.use(nephele({ adapter, authenticator: new Accounts(vive) }))
  return await new Promise((resolve, reject) => {
    const server = app.listen(port, host, (error) => (error ? reject(error) : resolve(server)))
  })
}
