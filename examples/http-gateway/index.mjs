// A volume over HTTP: node index.mjs [--volume DIR] [--port N] [--user NAME --password SECRET]
import { parseArgs } from 'node:util'
import { addUser } from '@vivefs-examples/gateway-users'
import { ViveFS } from 'vivefs'
import { serveHttp } from './server.mjs'

const { values } = parseArgs({
  options: {
    volume: { type: 'string', default: './http.vive' },
    port: { type: 'string', default: '8080' },
    user: { type: 'string', default: 'alice' },
    password: { type: 'string' },
  },
})

const vive = await ViveFS.open(values.volume, { engine: 'lsm' })
const root = vive.root.fs.promises
if ((await root.readdir('/')).length === 0) {
  await root.chmod('/', 0o755)
  await root.writeFile('/hello.txt', 'Everybody may read this.\n')
}
if (values.password !== undefined) {
  const user = await addUser(vive, values.user, values.password)
  await vive.as(user).fs.promises.writeFile(`/home/${user.name}/private.txt`, `Only ${user.name} may read this.\n`)
}

const server = await serveHttp(vive, { port: Number(values.port) })
console.log(`http://127.0.0.1:${server.address().port}/`)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    vive.close().then(() => process.exit(0))
  })
}
