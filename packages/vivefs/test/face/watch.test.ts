/**
 * Watch scripts on node:fs in a temporary directory and on a volume: the same events in the same order, after equal ones
 * in a row are taken as one.
 */
import type nodeFs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openSides, type Side } from './differential.ts'

/** How long an event may take on a machine that has other work. */
const PATIENCE_MS = 5000

/** Until it is so, and a little longer, for events that should not come. */
async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !isSo() && Date.now() < end; ) await sleep(5)
  await sleep(25)
}

type Promises = typeof nodeFs.promises
/** What is done while somebody watches; `at` makes a path. */
type Act = (fs: Promises, at: (name: string) => string) => Promise<unknown>

interface Script {
  readonly name: string
  /** What is watched, relative to the root of the script. */
  readonly path: string
  readonly options?: object | string
  readonly acts: readonly Act[]
}

const write =
  (name: string, text = 'new'): Act =>
  (fs, at) =>
    fs.writeFile(at(name), text)
const append =
  (name: string): Act =>
  (fs, at) =>
    fs.appendFile(at(name), 'more')
const unlink =
  (name: string): Act =>
  (fs, at) =>
    fs.unlink(at(name))
const mkdir =
  (name: string): Act =>
  (fs, at) =>
    fs.mkdir(at(name))
const rmdir =
  (name: string): Act =>
  (fs, at) =>
    fs.rmdir(at(name))
const rename =
  (from: string, to: string): Act =>
  (fs, at) =>
    fs.rename(at(from), at(to))
const chmod =
  (name: string): Act =>
  (fs, at) =>
    fs.chmod(at(name), 0o600)
const utimes =
  (name: string): Act =>
  (fs, at) =>
    fs.utimes(at(name), 5, 5)
const truncate =
  (name: string): Act =>
  (fs, at) =>
    fs.truncate(at(name), 1)
const link =
  (from: string, to: string): Act =>
  (fs, at) =>
    fs.link(at(from), at(to))
const symlink =
  (to: string, name: string): Act =>
  (fs, at) =>
    fs.symlink(to, at(name))
const copy =
  (from: string, to: string): Act =>
  (fs, at) =>
    fs.copyFile(at(from), at(to))
const byHandle =
  (name: string, flags: string, act: (handle: nodeFs.promises.FileHandle) => Promise<unknown>): Act =>
  async (fs, at) => {
    const handle = await fs.open(at(name), flags)
    await act(handle)
    await handle.close()
  }

const inDirectory: readonly (readonly [string, ...Act[]])[] = [
  ['create a file', write('d/new')],
  ['create an empty file', write('d/new', '')],
  ['overwrite a file', write('d/file')],
  ['append', append('d/file')],
  ['truncate', truncate('d/file')],
  ['chmod', chmod('d/file')],
  ['utimes', utimes('d/file')],
  ['unlink', unlink('d/file')],
  ['create and unlink', write('d/new'), unlink('d/new')],
  ['mkdir', mkdir('d/sub2')],
  ['rmdir', rmdir('d/sub')],
  ['a file in a directory below', write('d/sub/x')],
  ['chmod of a directory below', chmod('d/sub')],
  ['rename inside', rename('d/file', 'd/other')],
  ['rename over another', rename('d/file', 'd/second')],
  ['rename out', rename('d/file', 'away')],
  ['rename in', rename('outside', 'd/in')],
  ['rename in over another', rename('outside', 'd/file')],
  ['rename of a directory', rename('d/sub', 'd/moved')],
  ['link', link('outside', 'd/linked')],
  ['link of one inside', link('d/file', 'd/linked')],
  ['symlink', symlink('file', 'd/symbolic')],
  ['copyFile', copy('outside', 'd/copy')],
  ['write by handle', byHandle('d/file', 'r+', (handle) => handle.write('x', 0))],
  ['write of nothing by handle', byHandle('d/file', 'r+', (handle) => handle.write('', 0))],
  ['ftruncate', byHandle('d/file', 'r+', (handle) => handle.truncate(2))],
  ['fchmod', byHandle('d/file', 'r', (handle) => handle.chmod(0o640))],
  ['futimes', byHandle('d/file', 'r', (handle) => handle.utimes(7, 7))],
  ['open and close', byHandle('d/file', 'r', (handle) => handle.read(Buffer.alloc(1)))],
  ['O_TRUNC of an open', byHandle('d/file', 'w', async () => {})],
  ['chmod of itself', chmod('d')],
  ['rename of itself', rename('d', 'elsewhere')],
]
const onFile: readonly (readonly [string, ...Act[]])[] = [
  ['overwrite', write('file')],
  ['append twice', append('file'), append('file')],
  ['chmod', chmod('file')],
  ['unlink', unlink('file')],
  ['rename', rename('file', 'renamed')],
  ['rename and write on', rename('file', 'renamed'), append('renamed')],
  ['rename over it', rename('other', 'file')],
  ['link', link('file', 'linked')],
  ['write through another name', link('file', 'linked'), append('linked')],
  ['write through a link', symlink('file', 'symbolic'), append('symbolic')],
  ['nothing of its neighbour', append('other')],
]
const inTree: readonly (readonly [string, ...Act[]])[] = [
  ['create below', write('t/a/new', '')],
  ['change below', append('t/a/file')],
  ['unlink below', unlink('t/a/file')],
  ['mkdir and create in it', mkdir('t/a/sub2'), write('t/a/sub2/x', '')],
  ['rename below', rename('t/a/file', 't/b')],
  ['directories come and go', mkdir('t/c'), rmdir('t/c')],
  ['chmod of a file', chmod('t/a/file')],
]

const scripts: Script[] = [
  ...inDirectory.map(([name, ...acts]) => ({ name: `directory: ${name}`, path: 'd', acts })),
  ...onFile.map(([name, ...acts]) => ({ name: `file: ${name}`, path: 'file', acts })),
  { name: 'encoding buffer', path: 'd', options: { encoding: 'buffer' }, acts: [write('d/new')] },
  { name: 'encoding hex', path: 'd', options: 'hex', acts: [write('d/new')] },
  ...inTree.map(([name, ...acts]) => ({ name: `tree: ${name}`, path: 't', options: { recursive: true }, acts })),
]

async function prepare({ fs, root }: Side, name: string): Promise<string> {
  const base = `${root}/${name}`
  await fs.promises.mkdir(`${base}/d/sub`, { recursive: true })
  await fs.promises.mkdir(`${base}/t/a`, { recursive: true })
  for (const name of ['file', 'other', 'outside', 'd/file', 'd/second', 't/a/file']) {
    await fs.promises.writeFile(`${base}/${name}`, 'content')
  }
  return base
}

type Seen = readonly [event: string, name: unknown]

/** Events of one script on one side. Between two acts the events of the first one arrive; `pace` times as long is waited for them. */
async function play(side: Side, name: string, { path, options, acts }: Script, pace: number): Promise<readonly Seen[]> {
  const base = await prepare(side, name)
  const events: Seen[] = []
  const watcher = side.fs.watch(`${base}/${path}`, options as { recursive: boolean }, (event, name) => {
    events.push([event, Buffer.isBuffer(name) ? `bytes:${name}` : name])
  })
  try {
    const isTree = (options as { recursive?: boolean } | undefined)?.recursive === true
    await sleep((isTree ? 30 : 10) * pace)
    events.length = 0
    for (const act of acts) {
      await act(side.fs.promises, (name) => `${base}/${name}`)
      await sleep((isTree ? 40 : 12) * pace)
    }
    // What is on its way comes first, however slow the machine.
    for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate)
  } finally {
    watcher.close()
  }
  return events.filter(([event, name], at) => at === 0 || event !== events[at - 1][0] || name !== events[at - 1][1])
}

test.runIf(process.platform === 'linux')('scripts give the events that node gives', async () => {
  const { real, ours, close } = await openSides()
  const differences: unknown[] = []
  let number = 0
  // Several at once: most of their time is waiting.
  const lanes = Array.from({ length: 6 }, async () => {
    for (let at = number++; at < scripts.length; at = number++) {
      const script = scripts[at]
      // On a machine with other work events may come behind the next act: once more then, slower.
      for (const pace of [1, 20]) {
        const theirs = await play(real, `${at}-${pace}`, script, pace)
        const own = await play(ours, `${at}-${pace}`, script, pace)
        if (JSON.stringify(own) === JSON.stringify(theirs)) break
        if (pace > 1) differences.push({ script: script.name, theirs, own })
      }
    }
  })
  await Promise.all(lanes)
  await close()
  expect(scripts.length).toBeGreaterThanOrEqual(40)
  expect(differences).toEqual([])
})

test('whoever makes a change, every view hears of it', async () => {
  const { ViveFS } = await import('vivefs')
  const vive = await ViveFS.open('memory://')
  const other = vive.as({ uid: 12_345, gid: 12_345, umask: 0 })
  await vive.root.fs.promises.mkdir('/shared')
  await vive.root.fs.promises.chmod('/shared', 0o777)
  const events: string[] = []
  const watcher = vive.fs.watch('/shared', (event, name) => events.push(`${event} ${name}`))
  await other.fs.promises.writeFile('/shared/theirs', 'x')
  vive.root.fs.createWriteStream('/shared/streamed').end('x')
  await until(() => new Set(events).size >= 4)
  watcher.close()
  expect(new Set(events)).toEqual(new Set(['rename theirs', 'change theirs', 'rename streamed', 'change streamed']))
  await vive.close()
})

test('errors, closing and signals of watch', async () => {
  const { real, ours, close } = await openSides()
  const said = async ({ fs, root }: Side): Promise<unknown[]> => {
    const seen: unknown[] = []
    for (const [path, options] of [
      ['none', {}],
      ['none/x', {}],
      ['file/x', {}],
    ] as const) {
      try {
        fs.watch(`${root}/${path}`, options)
        seen.push('none')
      } catch (error) {
        const { code, errno, syscall, message, filename } = error as NodeJS.ErrnoException & { filename?: string }
        seen.push([code, errno, syscall, message.replace(root, ''), filename?.replace(root, '')])
      }
    }
    fs.writeFileSync(`${root}/file`, 'x')
    for (const args of [[5], ['a\0b'], [`${root}/file`, { encoding: 'nonsense' }], [`${root}/file`, {}, 5]]) {
      try {
        const watcher = (fs.watch as (...args: unknown[]) => nodeFs.FSWatcher)(...args)
        watcher.close()
        seen.push('none')
      } catch (error) {
        seen.push([(error as NodeJS.ErrnoException).code, (error as Error).message])
      }
    }
    const order: string[] = []
    const controller = new AbortController()
    const watcher = fs.watch(`${root}/file`, { signal: controller.signal, persistent: false })
    watcher.on('close', () => order.push('close'))
    controller.abort()
    order.push('aborted')
    watcher.close()
    await sleep(5)
    seen.push(order, watcher.ref() === watcher, watcher.unref() === watcher)
    const abort = new AbortController()
    const events: unknown[] = []
    setTimeout(() => fs.appendFileSync(`${root}/file`, 'x'), 20)
    const late = setTimeout(() => abort.abort(), PATIENCE_MS)
    try {
      for await (const { eventType, filename } of fs.promises.watch(`${root}/file`, { signal: abort.signal })) {
        if (events.length === 0) events.push([eventType, filename])
        abort.abort()
      }
    } catch (error) {
      events.push((error as Error).name, (error as NodeJS.ErrnoException).code)
    }
    clearTimeout(late)
    seen.push(events)
    return seen
  }
  expect(await said(ours)).toEqual(await said(real))
  await close()
})

test('watchFile tells what node tells', async () => {
  const { real, ours, close } = await openSides()
  const said = async ({ fs, root }: Side): Promise<unknown[]> => {
    const seen: unknown[] = []
    const show = (stats: nodeFs.Stats | nodeFs.BigIntStats) => [
      Number(stats.size),
      Number(stats.nlink),
      typeof stats.mtimeMs,
    ]
    const file = `${root}/watched`
    fs.writeFileSync(`${root}/quiet`, 'x')
    const quiet = fs.watchFile(`${root}/quiet`, { interval: 10 }, () => seen.push('never'))
    fs.watchFile(file, { interval: 10, persistent: false }, (now, before) => seen.push([show(now), show(before)]))
    await until(() => seen.length >= 1)
    fs.writeFileSync(file, 'one')
    await until(() => seen.length >= 2)
    fs.writeFileSync(file, 'three')
    await until(() => seen.length >= 3)
    fs.unlinkSync(file)
    await until(() => seen.length >= 4)
    fs.unwatchFile(file)
    fs.writeFileSync(file, 'unseen')
    await sleep(30)
    quiet.on('stop', () => seen.push('stop'))
    fs.unwatchFile(`${root}/quiet`, () => {})
    fs.unwatchFile(`${root}/quiet`)
    const big = fs.watchFile(`${root}/gone`, { interval: 10, bigint: true }, (now, before) =>
      seen.push([show(now), show(before)]),
    )
    await until(() => seen.length >= 6)
    seen.push(big.ref() === big, big.unref() === big)
    fs.unwatchFile(`${root}/gone`)
    for (const args of [
      [5, () => {}],
      [file],
      [file, 5],
      [file, { interval: -1 }, () => {}],
      [file, { interval: 'x' }, () => {}],
    ]) {
      try {
        ;(fs.watchFile as (...args: unknown[]) => unknown)(...args)
        seen.push('none')
      } catch (error) {
        seen.push([(error as NodeJS.ErrnoException).code, (error as Error).message])
      }
    }
    return seen
  }
  expect(await said(ours)).toEqual(await said(real))
  await close()
})
