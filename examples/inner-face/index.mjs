// The face that gateways stand on: inodes by handle, exact errors, stable cookies.
import { ViveFS } from 'vivefs'
import { runAsync } from 'vivefs/fsal'

const vive = await ViveFS.open('memory://')
const { fsal } = vive
const alice = { uid: 1000, gid: 1000, groups: [], umask: 0o022 }
const superuser = { uid: 0, gid: 0, groups: [], umask: 0o022 }

// Each call is one atomic operation in the name of the credentials it gets.
const home = await runAsync(fsal.mkdir(superuser, fsal.root(), { name: Buffer.from('home'), mode: 0o755 }))
await runAsync(fsal.setattr(superuser, home.handle, { uid: alice.uid, gid: alice.gid }))

const file = await runAsync(fsal.create(alice, home.handle, { name: Buffer.from('data'), mode: 0o640 }))
await runAsync(fsal.write(alice, file.handle, { offset: 1_000_000, data: Buffer.from('far out') }))
const hole = await runAsync(fsal.seek(alice, file.handle, { what: 'data', offset: 0 }))
console.log(`the first data is at ${hole}; ${(await runAsync(fsal.getattr(alice, file.handle))).blocks} blocks in use`)

// A handle outlives names: it may be kept in a cache, on the wire, over a restart.
await runAsync(
  fsal.rename(alice, home.handle, {
    name: Buffer.from('data'),
    toDirectory: home.handle,
    toName: Buffer.from('moved'),
  }),
)
const into = Buffer.alloc(7)
await runAsync(fsal.read(alice, file.handle, { offset: 1_000_000, into }))
console.log(into.toString())

const { lines, eof } = await runAsync(fsal.readdir(alice, home.handle, { cookie: 0n, limit: 100, plus: true }))
for (const { name, entry } of lines) console.log(name.toString(), entry.attributes.size, { eof })

await runAsync(fsal.unlink(alice, home.handle, { name: Buffer.from('moved') }))
await runAsync(fsal.getattr(alice, file.handle)).catch((error) => console.log(error.code))

await vive.close()
