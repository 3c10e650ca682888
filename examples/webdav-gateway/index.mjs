// WebDAV into a volume: node index.mjs [--volume DIR] [--port N] --user NAME --password SECRET
import { parseArgs } from 'node:util'
import { addUser } from '@vivefs-examples/gateway-users'
import { ViveFS } from 'vivefs'
import { serveWebdav } from './server.mjs'

const { values } = parseArgs({
  options: {
    volume: { type: 'string', default: './webdav.vive' },
    port: { type: 'string', default: '8081' },
    user: { type: 'string', default: 'alice' },
    password: { type: 'string' },
  },
})

const vive = await ViveFS.open(values.volume, { engine: 'lsm' })
await vive.root.fs.promises.chmod('/', 0o755)
if (values.password !== undefined) await addUser(vive, values.user, values.password)
else if ((await vive.users.list()).length === 0) {
  await vive.close()
  console.error('Nobody could log in: give the first user a password with --password.')
  process.exit(2)
}

const server = await serveWebdav(vive, { port: Number(values.port) })
console.log(`http://127.0.0.1:${server.address().port}/home/${values.user}/`)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    vive.close().then(() => process.exit(0))
  })
}
