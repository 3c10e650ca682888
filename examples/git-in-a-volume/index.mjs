// Git repositories in a volume, to clone over HTTP: node index.mjs [--volume DIR] [--port N]
import { parseArgs } from 'node:util'
import { ViveFS } from 'vivefs'
import { makeRepository } from './demo.mjs'
import { serveGit } from './upload-pack.mjs'

const { values } = parseArgs({
  options: { volume: { type: 'string', default: './git.vive' }, port: { type: 'string', default: '8082' } },
})

const vive = await ViveFS.open(values.volume, { engine: 'lsm' })
const isNew = await vive.fs.promises.access('/repos/demo').then(
  () => false,
  () => true,
)
if (isNew) await makeRepository(vive.fs)

const server = await serveGit(vive.fs, { root: '/repos', port: Number(values.port) })
console.log(`git clone http://127.0.0.1:${server.address().port}/demo/.git demo`)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    vive.close().then(() => process.exit(0))
  })
}
