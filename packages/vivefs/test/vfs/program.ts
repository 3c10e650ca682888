/** Mounts a volume by node:vfs and reads it as an unmodified program would; prints what came. Run by vfs.test.ts. */
import nodeFs from 'node:fs'
import { createRequire } from 'node:module'
import { ViveFS } from '../../src/index.ts'
import { createProvider } from '../../src/vfs/index.ts'
import { SyncDatabase } from '../sync-database.ts'

interface Mounted {
  readonly mountPoint: string
  mount(prefix?: string): void
  unmount(): void
}
interface NodeVfs {
  create(provider: object): Mounted & typeof nodeFs
}

const vive = await ViveFS.open(new SyncDatabase())
const { fs } = vive
fs.mkdirSync('/top/app/lib', { recursive: true })
fs.writeFileSync(
  '/top/app/main.cjs',
  "module.exports = [require('./lib/one.cjs'), require('./data.json').n, __filename]",
)
fs.writeFileSync('/top/app/lib/one.cjs', "module.exports = 'one'")
fs.writeFileSync('/top/app/data.json', '{ "n": 42 }')
fs.writeFileSync('/top/app/note.txt', 'a note')
fs.writeFileSync('/top/secret', 'not below the provider')
fs.symlinkSync('note.txt', '/top/app/link')

const failure = async (work: () => unknown): Promise<unknown> => {
  try {
    return await work()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

async function report(): Promise<unknown> {
  const provider = createProvider(fs, { at: '/top/app' })
  const vfs = (process as unknown as { getBuiltinModule(name: string): unknown }).getBuiltinModule(
    'node:vfs',
  ) as NodeVfs
  const files = vfs.create(provider)
  const alone = [
    files.readFileSync('/note.txt', 'utf8'),
    files.readdirSync('/').sort(),
    await files.promises.readFile('/lib/one.cjs', 'utf8'),
    files.realpathSync('/link'),
    files.statSync('/data.json').size,
    await failure(() => files.readFileSync('/../secret')),
    files
      .readdirSync('/', { withFileTypes: true, recursive: true })
      .map((entry) => `${entry.parentPath} ${entry.name}`)
      .sort(),
  ]
  files.writeFileSync('/new', 'from node')
  files.appendFileSync('/new', '!')
  files.mkdirSync('/made/deep', { recursive: true })
  files.renameSync('/new', '/made/new')
  const fd = files.openSync('/made/new', 'r+')
  files.writeSync(fd, Buffer.from('FROM'), 0, 4, 0)
  const size = files.fstatSync(fd).size
  files.closeSync(fd)
  const changed = [fs.readFileSync('/top/app/made/new', 'utf8'), size]
  const kept = vfs.create(createProvider(fs, { at: '/top/app', readOnly: true }))
  const refused = [
    await failure(() => kept.writeFileSync('/x', 'y')),
    await failure(() => kept.promises.unlink('/note.txt')),
    await failure(() => kept.openSync('/note.txt', 'r+')),
    kept.readFileSync('/note.txt', 'utf8'),
  ]
  files.mount()
  const { mountPoint } = files
  const mounted = [
    nodeFs.readFileSync(`${mountPoint}/note.txt`, 'utf8'),
    await nodeFs.promises.readFile(`${mountPoint}/note.txt`, 'utf8'),
    (createRequire(import.meta.url)(`${mountPoint}/main.cjs`) as string[]).map((value) =>
      typeof value === 'string' ? value.replace(mountPoint, '<mount>') : value,
    ),
    await failure(() => nodeFs.readFileSync(`${mountPoint}/none`)),
  ]
  files.unmount()
  return { alone, changed, refused, mounted, after: nodeFs.existsSync(`${mountPoint}/note.txt`) }
}

let result: unknown
try {
  result = await report()
} catch (error) {
  const { code, message, stack } = error as NodeJS.ErrnoException
  result = { code, message, stack }
}
await vive.close()
console.log(JSON.stringify(result))
