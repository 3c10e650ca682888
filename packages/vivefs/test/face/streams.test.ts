/** Streams: events and their order, results and errors, as on node:fs. */
import nodeFs from 'node:fs'
import { PassThrough, pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { openSides, type Side } from './differential.ts'
import { differ } from './values.ts'

type Fs = typeof nodeFs
type Stream = nodeFs.ReadStream | nodeFs.WriteStream
/** Makes a stream, may do something with it; answers it, or something else to be compared. */
type Act = (fs: Fs, at: (name: string) => string, seen: (what: unknown) => void) => unknown

const names = ['open', 'ready', 'data', 'end', 'finish', 'error', 'close', 'pause', 'resume'] as const

const text = (value: unknown, root: string): unknown => {
  if (Buffer.isBuffer(value)) return `bytes:${value.toString('latin1')}`
  if (value instanceof Error) {
    const { name, code, syscall, message } = value as NodeJS.ErrnoException
    return { name, code, syscall, message: message.split(root).join('') }
  }
  return typeof value === 'number' ? 'number' : value
}

/** Waits, on a busy machine longer: until the thread pool has done what stood in it before, and something after that. */
async function pause(ms: number): Promise<void> {
  await sleep(ms)
  for (let turn = 0; turn < 12; turn++) await nodeFs.promises.stat('.')
}

/** Runs an act on a side; answers every event until the stream is closed or nothing comes any more. */
async function observe(side: Side, act: Act): Promise<unknown[]> {
  const { fs, root } = side
  fs.writeFileSync(`${root}/file`, 'the content of the file')
  for (const name of ['out', 'new']) fs.rmSync(`${root}/${name}`, { force: true })
  const log: unknown[] = []
  const seen = (what: unknown): void => void log.push(text(what, root))
  let stream: unknown
  try {
    stream = await act(fs, (name) => `${root}/${name}`, seen)
  } catch (error) {
    return [...log, { thrown: text(error, root) }]
  }
  if (stream === null || typeof stream !== 'object' || !('on' in stream)) return [...log, text(stream, root)]
  const of = stream as Stream
  for (const name of names) {
    if (name === 'data' && !('read' in of)) continue
    ;(of as nodeFs.ReadStream).on(name as 'close', (...args: unknown[]) =>
      log.push([name, ...args.map((each) => text(each, root))]),
    )
  }
  if (!of.closed) {
    await Promise.race([
      new Promise<void>((resolve) => (of as nodeFs.ReadStream).once('close', () => resolve())),
      pause(60),
    ])
  }
  // An open that was overtaken by the end of its stream.
  await pause(15)
  const { bytesRead, bytesWritten, pending, destroyed, fd, path, flags, autoClose } = of as unknown as Record<
    string,
    unknown
  >
  const shown = path === undefined ? path : String(path).replace(root, '')
  log.push({ bytesRead, bytesWritten, pending, destroyed, fd: typeof fd, path: shown, flags, autoClose })
  for (const name of ['file', 'out', 'new']) {
    log.push(fs.existsSync(`${root}/${name}`) ? fs.readFileSync(`${root}/${name}`, 'latin1') : null)
  }
  return log
}

const write = (stream: nodeFs.WriteStream, ...texts: string[]): nodeFs.WriteStream => {
  for (const each of texts) stream.write(each)
  stream.end()
  return stream
}
const anything = (value: unknown): never => value as never

const readOptions: readonly unknown[] = [
  undefined,
  'utf8',
  'nonsense',
  5,
  {},
  { encoding: 'hex' },
  { highWaterMark: 5 },
  { start: 4 },
  { start: 4, end: 10 },
  { end: 3 },
  { start: 5, end: 4 },
  { start: -1 },
  { start: 'x' },
  { end: 1.5 },
  { start: 100 },
  { end: Number.POSITIVE_INFINITY },
  { flags: 'r+' },
  { flags: 'w' },
  { flags: 'nonsense' },
  { autoClose: false },
  { emitClose: false },
  { mode: 0o600 },
  { signal: AbortSignal.abort() },
  { signal: 5 },
  { fd: 'x' },
  { fd: 1e9 },
  { fs: {} },
  { fs: { open() {} } },
  null,
]
const writeOptions: readonly unknown[] = [
  undefined,
  'latin1',
  'nonsense',
  {},
  { flags: 'a' },
  { flags: 'r+' },
  { flags: 'r+', start: 4 },
  { flags: 'wx' },
  { flags: 'r' },
  { start: -1 },
  { start: 'x' },
  { mode: 0o600 },
  { flush: true },
  { flush: 5 },
  { autoClose: false },
  { emitClose: false },
  { encoding: 'hex' },
  { highWaterMark: 2 },
  { signal: AbortSignal.abort() },
  { fs: { open() {}, write: 5 } },
]

const acts: Record<string, Act> = {}
for (const [index, options] of readOptions.entries()) {
  acts[`read ${index}`] = (fs, at) => fs.createReadStream(at('file'), anything(options))
  acts[`read of nothing ${index}`] = (fs, at) => fs.createReadStream(at('none'), anything(options))
}
for (const [index, options] of writeOptions.entries()) {
  acts[`write ${index}`] = (fs, at) => write(fs.createWriteStream(at('file'), anything(options)), 'ab', 'cd')
  acts[`write new ${index}`] = (fs, at) => write(fs.createWriteStream(at('new'), anything(options)), 'ab')
  acts[`write to nowhere ${index}`] = (fs, at) => write(fs.createWriteStream(at('none/x'), anything(options)), 'ab')
}
Object.assign(acts, {
  'a directory': (fs, at) => fs.createReadStream(at('')),
  'write to a directory': (fs, at) => write(fs.createWriteStream(at('')), 'x'),
  'no path': (fs) => fs.createReadStream(anything(undefined)),
  'path with NUL': (fs) => fs.createReadStream('a\0b'),
  'buffer path': (fs, at) => fs.createReadStream(Buffer.from(at('file'))),
  'called without new': (fs, at) => (fs.ReadStream as unknown as (path: string) => Stream)(at('file')),
  'WriteStream without new': (fs, at) =>
    write((fs.WriteStream as unknown as (path: string) => nodeFs.WriteStream)(at('new')), 'x'),
  'with new': (fs, at) =>
    new (fs.ReadStream as unknown as new (path: string, options: object) => Stream)(at('file'), { end: 2 }),
  classes: (fs, at, seen) => {
    const stream = fs.createReadStream(at('file'))
    seen([
      stream instanceof fs.ReadStream,
      stream instanceof nodeFs.ReadStream,
      stream.constructor.name,
      fs.WriteStream.name,
    ])
    return stream
  },
  subclass: (fs, at, seen) => {
    const Own = fs.ReadStream as unknown as new (path: string) => nodeFs.ReadStream
    class Mine extends Own {}
    const stream = new Mine(at('file'))
    seen([stream instanceof Mine, stream instanceof fs.ReadStream])
    return stream
  },
  'fd as number': (fs, at) => fs.createReadStream('', { fd: fs.openSync(at('file'), 'r'), start: 2 }),
  'fd stays open': (fs, at, seen) => {
    const fd = fs.openSync(at('file'), 'r')
    const stream = fs.createReadStream('', { fd, autoClose: false })
    stream.on('end', () => setTimeout(() => seen(fs.fstatSync(fd).size), 5))
    return stream
  },
  'fd as FileHandle': async (fs, at) => fs.createReadStream('', { fd: anything(await fs.promises.open(at('file'))) }),
  'FileHandle with fs': async (fs, at) =>
    fs.createReadStream('', { fd: anything(await fs.promises.open(at('file'))), fs: anything(fs) }),
  'FileHandle.createReadStream': async (fs, at, seen) => {
    const handle = await fs.promises.open(at('file'))
    ;(handle as unknown as NodeJS.EventEmitter).on('close', () => seen('handle closed'))
    return handle.createReadStream({ start: 3, end: 8 })
  },
  'FileHandle.createWriteStream': async (fs, at) =>
    write((await fs.promises.open(at('out'), 'w')).createWriteStream({ flush: true } as object), 'one', 'two'),
  'FileHandle closed under its stream': async (fs, at) => {
    const handle = await fs.promises.open(at('file'))
    const stream = handle.createReadStream({ highWaterMark: 2 })
    stream.once('data', () => void handle.close())
    return stream
  },
  readLines: async (fs, at) => {
    fs.writeFileSync(at('out'), 'one\ntwo\r\nthree')
    const lines: string[] = []
    for await (const line of (await fs.promises.open(at('out'))).readLines()) lines.push(line)
    return lines.join('|')
  },
  'destroy before open': (fs, at) => fs.createReadStream(at('file')).destroy(),
  'destroy with an error': (fs, at) => fs.createReadStream(at('file')).destroy(new Error('mine')),
  'destroy in the middle': (fs, at) => {
    const stream = fs.createReadStream(at('file'), { highWaterMark: 3 })
    stream.once('data', () => stream.destroy())
    return stream
  },
  'close with a callback': (fs, at, seen) => {
    const stream = fs.createReadStream(at('file'))
    stream.close((error) => seen(['closed', error]))
    return stream
  },
  'close of a writer': (fs, at, seen) => {
    const stream = fs.createWriteStream(at('new'))
    stream.write('x')
    stream.close((error) => seen(['closed', error]))
    return stream
  },
  'abort in the middle': (fs, at) => {
    const controller = new AbortController()
    const stream = fs.createReadStream(at('file'), { highWaterMark: 3, signal: controller.signal })
    stream.once('data', () => controller.abort())
    return stream
  },
  'own open': (fs, at, seen) => {
    const own = {
      ...fs,
      open: (...args: unknown[]) => {
        seen('own open')
        ;(fs.open as (...all: unknown[]) => void)(...args)
      },
    }
    return fs.createReadStream(at('file'), { fs: anything(own) })
  },
  'writev by cork': (fs, at) => {
    const stream = fs.createWriteStream(at('new'))
    stream.cork()
    stream.write('one')
    stream.write(Buffer.from('two'))
    stream.uncork()
    return write(stream, 'three')
  },
  'write after end': (fs, at) => {
    const stream = write(fs.createWriteStream(at('new')), 'x')
    stream.write('late')
    return stream
  },
  'end with a callback': (fs, at, seen) => {
    const stream = fs.createWriteStream(at('new'))
    stream.end('x', () => seen('ended'))
    return stream
  },
  pipeline: async (fs, at) => {
    await promisify(pipeline)(fs.createReadStream(at('file')), new PassThrough(), fs.createWriteStream(at('new')))
    return fs.readFileSync(at('new'), 'utf8')
  },
  'async iteration': async (fs, at) => {
    const pieces: string[] = []
    for await (const piece of fs.createReadStream(at('file'), { encoding: 'utf8', highWaterMark: 7 }))
      pieces.push(piece)
    return pieces.join('|')
  },
  blob: async (fs, at) => {
    const blob = await (fs.openAsBlob as (path: string, options: object) => Promise<Blob>)(at('file'), {
      type: 'text/x',
    })
    return [blob.size, blob.type, await blob.text(), await blob.slice(4, 11).text(), blob instanceof Blob].join()
  },
  'blob with a wrong type': (fs, at) => fs.openAsBlob(at('file'), anything({ type: 5 })),
  'web stream': async (fs, at) => {
    const handle = await fs.promises.open(at('file'))
    let all = ''
    for await (const piece of handle.readableWebStream() as AsyncIterable<Uint8Array>) all += Buffer.from(piece)
    await handle.close()
    return all
  },
} satisfies Record<string, Act>)

test('events and results are those of node', async () => {
  const { real, ours, close } = await openSides()
  const differences: string[] = []
  const silent = (): void => {}
  process.on('warning', silent)
  for (const [name, act] of Object.entries(acts)) {
    // At once: both sides mostly wait.
    const [theirs, own] = await Promise.all([observe(real, act), observe(ours, act)])
    if (JSON.stringify(own) !== JSON.stringify(theirs)) differ(differences, JSON.stringify({ act: name, theirs, own }))
  }
  process.off('warning', silent)
  await close()
  expect(differences).toEqual([])
})
