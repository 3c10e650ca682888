// A filesystem in a directory of your app: node examples/first-minute/index.mjs [DIRECTORY]
import { ViveFS } from 'vivefs'

const vive = await ViveFS.open(process.argv[2] ?? 'memory://')
const fs = vive.fs.promises

await fs.mkdir('/notes', { recursive: true })
await fs.writeFile('/notes/today.md', '# Today\n')
await fs.appendFile('/notes/today.md', '- try ViveFS\n')
await fs.rm('/notes/latest.md', { force: true })
await fs.symlink('today.md', '/notes/latest.md')

console.log(await fs.readFile('/notes/latest.md', 'utf8'))
console.log((await fs.readdir('/notes')).sort())

// Another user sees what POSIX lets her see.
await fs.chmod('/notes/today.md', 0o600)
const guest = vive.as({ uid: 4711, gid: 4711 }).fs.promises
await guest.readFile('/notes/today.md').catch((error) => console.log(error.message))

await vive.close()
