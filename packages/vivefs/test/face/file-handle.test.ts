/** FileHandle: the same calls on node's and on ours. */
import type { EventEmitter } from 'node:events'
import { constants } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openSides, type Side } from './differential.ts'

type Handle = import('node:fs').promises.FileHandle

let sides: Awaited<ReturnType<typeof openSides>>
beforeEach(async () => {
  sides = await openSides()
})
afterEach(() => sides.close())

/** What a scenario observes on each side must be the same. */
async function same(scenario: (side: Side, seen: (what: unknown) => void) => Promise<void>): Promise<void> {
  const observe = async (side: Side): Promise<unknown[]> => {
    const seen: unknown[] = []
    await scenario(side, (what) => seen.push(what))
    return seen
  }
  const real = await observe(sides.real)
  expect(real.length).toBeGreaterThan(0)
  expect(await observe(sides.ours)).toEqual(real)
}

const refusal = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    return await promise
  } catch (error) {
    const { name, code, syscall, message } = error as NodeJS.ErrnoException
    return { name, code, syscall, message }
  }
}

describe('reading and writing', () => {
  test('positions: sequential calls move it, positioned ones do not', () =>
    same(async ({ fs, root }, seen) => {
      const handle = await fs.promises.open(`${root}/f`, 'w+')
      seen((await handle.write('hello ')).bytesWritten)
      seen((await handle.write(Buffer.from('__world__'), 2, 5)).bytesWritten)
      seen((await handle.write('HE', 0)).bytesWritten)
      seen((await handle.write(Buffer.from('!?'), 0, 1)).bytesWritten)
      seen(await handle.readFile('utf8'))
      seen((await handle.read(Buffer.alloc(4), 0, 4, 0)).buffer.toString())
      seen((await handle.read({ buffer: Buffer.alloc(5), position: 2 })).bytesRead)
      seen((await handle.read(Buffer.alloc(3), { position: 6 })).buffer.toString())
      seen((await handle.read()).bytesRead)
      seen((await handle.stat()).size)
      await handle.close()
      seen(await fs.promises.readFile(`${root}/f`, 'utf8'))
    }))

  test('append: writes go to the end whatever the position says', () =>
    same(async ({ fs, root }, seen) => {
      await fs.promises.writeFile(`${root}/f`, 'start ')
      const handle = await fs.promises.open(`${root}/f`, 'a+')
      seen((await handle.read(Buffer.alloc(3), 0, 3)).buffer.toString())
      await handle.write('one ')
      await handle.write('two ', 0)
      await handle.appendFile('three')
      seen((await handle.read(Buffer.alloc(3), 0, 3)).bytesRead)
      seen((await handle.read(Buffer.alloc(5), 0, 5, 0)).buffer.toString())
      await handle.close()
      seen(await fs.promises.readFile(`${root}/f`, 'utf8'))
    }))

  test('vectors', () =>
    same(async ({ fs, root }, seen) => {
      const handle = await fs.promises.open(`${root}/f`, 'w+')
      seen((await handle.writev([Buffer.from('abc'), new Uint16Array([0x6564]), Buffer.from('f')])).bytesWritten)
      seen((await handle.writev([Buffer.from('XY')], 1)).bytesWritten)
      const into = [Buffer.alloc(2), Buffer.alloc(3), Buffer.alloc(4)]
      seen((await handle.readv(into, 0)).bytesRead)
      seen(into.map(String))
      seen((await handle.readv([Buffer.alloc(9)])).bytesRead)
      seen(await refusal(handle.readv([5] as never)))
      await handle.close()
    }))

  test('writeFile and readFile work from the position', () =>
    same(async ({ fs, root }, seen) => {
      const handle = await fs.promises.open(`${root}/f`, 'w+')
      await handle.writeFile('one')
      await handle.writeFile('two')
      await handle.read(Buffer.alloc(1), 0, 1, 0)
      seen(await handle.readFile('utf8'))
      await handle.truncate(4)
      seen((await handle.stat()).size)
      await handle.truncate()
      seen((await handle.stat()).size)
      await handle.write('later')
      await handle.close()
      seen(await fs.promises.readFile(`${root}/f`))
    }))

  test('refusals', () =>
    same(async ({ fs, root }, seen) => {
      await fs.promises.writeFile(`${root}/f`, 'content')
      const reading = await fs.promises.open(`${root}/f`, 'r')
      seen(await refusal(reading.write('x')))
      seen(await refusal(reading.truncate(1)))
      seen(await refusal(reading.read(5 as never)))
      seen(await refusal(reading.read(Buffer.alloc(4), -1)))
      seen(await refusal(reading.read(Buffer.alloc(4), 2, 3)))
      seen(await refusal(reading.read(Buffer.alloc(0), 0, 1)))
      seen(await refusal(reading.utimes(5 as never, {} as never)))
      await reading.close()
      const writing = await fs.promises.open(`${root}/f`, 'w')
      seen(await refusal(writing.read(Buffer.alloc(1))))
      seen(await refusal(writing.readFile()))
      seen(await refusal(writing.write(5 as never)))
      seen(await refusal(writing.write(Buffer.alloc(4), 5)))
      seen(await refusal(writing.write(Buffer.alloc(4), 0, 5)))
      seen(await refusal(writing.writeFile({} as never)))
      await writing.close()
      const directory = await fs.promises.open(root, 'r')
      seen(await refusal(directory.read(Buffer.alloc(1))))
      seen(await refusal(directory.readFile()))
      seen((await directory.stat()).isDirectory())
      await directory.sync()
      await directory.close()
    }))

  test('attributes', () =>
    same(async ({ fs, root }, seen) => {
      const handle = await fs.promises.open(`${root}/f`, 'wx', 0o640)
      seen((await handle.stat()).mode)
      await handle.chmod(0o604)
      await handle.chown(process.getuid?.() ?? 0, process.getgid?.() ?? 0)
      await handle.utimes(1.5, new Date(2500))
      const stats = await handle.stat({ bigint: true })
      seen([stats.mode, stats.atimeNs, stats.mtimeMs, stats.mtime.getTime()])
      const plain = await handle.stat()
      seen([plain.atimeMs, plain.mtimeMs, plain.atime, plain.mtime])
      await handle.datasync()
      await handle.close()
    }))
})

describe('closing', () => {
  test('twice, with a read under way, and what follows', () =>
    same(async ({ fs, root }, seen) => {
      await fs.promises.writeFile(`${root}/f`, 'content')
      const handle = await fs.promises.open(`${root}/f`)
      const emitter = handle as unknown as EventEmitter
      let closes = 0
      emitter.on('close', () => closes++)
      const reading = handle.read(Buffer.alloc(7))
      const closing = [handle.close(), handle.close()]
      seen((await reading).bytesRead)
      await Promise.all(closing)
      await handle.close()
      seen(closes)
      seen(handle.fd)
      for (const name of [
        'read',
        'write',
        'stat',
        'readFile',
        'writeFile',
        'appendFile',
        'sync',
        'datasync',
        'truncate',
      ] as const) {
        seen(await refusal((handle[name] as () => Promise<unknown>)()))
      }
      seen(await refusal(handle.chmod(0)))
      seen(await refusal(handle.chown(0, 0)))
      seen(await refusal(handle.utimes(0, 0)))
      seen(await refusal(handle.readv([])))
      seen(await refusal(handle.writev([])))
    }))

  test('await using', () =>
    same(async ({ fs, root }, seen) => {
      const handle = await fs.promises.open(`${root}/f`, 'w')
      await handle[Symbol.asyncDispose]()
      seen(handle.fd)
    }))

  test('a file lives on without its name until the last close', () =>
    same(async ({ fs, root }, seen) => {
      await fs.promises.writeFile(`${root}/f`, 'content')
      const first = await fs.promises.open(`${root}/f`, 'r+')
      const second = await fs.promises.open(`${root}/f`)
      await fs.promises.unlink(`${root}/f`)
      await first.write('CONTENT and more')
      await first.close()
      seen(await second.readFile('utf8'))
      seen((await second.stat()).nlink)
      await second.close()
      seen(await fs.promises.readdir(root))
    }))
})

describe('streams of a handle', () => {
  const collect = async (stream: AsyncIterable<unknown>): Promise<string> => {
    const chunks: string[] = []
    for await (const chunk of stream) chunks.push(String(chunk))
    return chunks.join('|')
  }

  test('lines, web stream, read stream, write stream', () =>
    same(async ({ fs, root }, seen) => {
      await fs.promises.writeFile(`${root}/f`, 'one\ntwo\r\nthree')
      const lines: string[] = []
      for await (const line of (await fs.promises.open(`${root}/f`)).readLines()) lines.push(line)
      seen(lines)
      const web = await fs.promises.open(`${root}/f`)
      const pieces: Uint8Array[] = []
      for await (const piece of web.readableWebStream({ type: 'bytes' }) as unknown as AsyncIterable<Uint8Array>)
        pieces.push(piece)
      seen(Buffer.concat(pieces).toString())
      await web.close()
      const reading = await fs.promises.open(`${root}/f`)
      const events: string[] = []
      const stream = reading.createReadStream({ start: 4, end: 6, encoding: 'utf8' })
      for (const event of ['open', 'ready', 'end', 'close']) stream.on(event, () => events.push(event))
      seen(await collect(stream))
      await new Promise((resolve) => setImmediate(resolve))
      seen(events)
      seen(reading.fd)
      const writing = await fs.promises.open(`${root}/g`, 'w')
      const sink = writing.createWriteStream()
      sink.write('a')
      sink.write('b')
      await new Promise((resolve) => sink.end('c', () => resolve(undefined)))
      await new Promise<void>((resolve) => sink.once('close', () => resolve()))
      seen([sink.bytesWritten, writing.fd])
      seen(await fs.promises.readFile(`${root}/g`, 'utf8'))
    }))

  test('by path', () =>
    same(async ({ fs, root }, seen) => {
      const sink = fs.createWriteStream(`${root}/f`)
      const events: string[] = []
      for (const event of ['open', 'ready', 'finish', 'close']) sink.on(event, () => events.push(event))
      for (let i = 0; i < 100; i++) sink.write(`${i},`.repeat(100))
      sink.end()
      await new Promise<void>((resolve) => sink.on('close', () => resolve()))
      seen(events)
      const stream = fs.createReadStream(`${root}/f`, { start: 10, end: 29_999, highWaterMark: 1000 })
      seen((await collect(stream)).length)
      const missing = fs.createReadStream(`${root}/none`)
      seen(
        await new Promise((resolve) =>
          missing.on('error', (error: NodeJS.ErrnoException) =>
            resolve([error.code, error.syscall, missing.path === `${root}/none`]),
          ),
        ),
      )
      const flags = fs.createWriteStream(`${root}/f`, { flags: 'r+', start: 3 })
      flags.end('XYZ')
      await new Promise<void>((resolve) => flags.on('close', () => resolve()))
      seen((await fs.promises.readFile(`${root}/f`, 'utf8')).slice(0, 10))
    }))
})

describe('whole files', () => {
  test('what writeFile takes', () =>
    same(async ({ fs, root }, seen) => {
      const { promises } = fs
      const write = async (data: unknown, options?: unknown): Promise<void> => {
        await promises.writeFile(`${root}/f`, data as string, options as 'utf8')
        seen(await promises.readFile(`${root}/f`, 'latin1'))
      }
      await write('häß')
      await write('ff00', 'hex')
      await write(new Uint16Array([1, 2]))
      await write(new DataView(new ArrayBuffer(3)))
      await write(['a', 'b', Buffer.from('c')])
      await write(
        (async function* () {
          yield 'x'
          yield Buffer.from('y')
        })(),
      )
      await write('more', { flag: 'a' })
      await write('flushed', { flush: true })
      await promises.appendFile(
        `${root}/f`,
        (async function* () {
          yield '!'
        })() as never,
      )
      seen(await promises.readFile(`${root}/f`, 'utf8'))
      seen(await refusal(promises.writeFile(`${root}/f`, [5] as never)))
      seen(await refusal(promises.writeFile(`${root}/f`, 'x', { signal: AbortSignal.abort() })))
      const handle = await promises.open(`${root}/h`, 'w')
      await promises.writeFile(handle, 'through a handle')
      await promises.appendFile(handle, ', twice')
      await handle.close()
      const back = await promises.open(`${root}/h`)
      seen(await promises.readFile(back, 'utf8'))
      seen(await promises.readFile(back, 'utf8'))
      await back.close()
    }))

  test('mode and umask of what is made', () =>
    same(async ({ fs, root }, seen) => {
      const { promises } = fs
      await promises.writeFile(`${root}/f`, '', { mode: 0o777 })
      await promises.mkdir(`${root}/d`, 0o777)
      await promises.mkdir(`${root}/e/e`, { recursive: true, mode: 0o700 })
      const made = await promises.mkdtemp(`${root}/t-`)
      await promises.copyFile(`${root}/f`, `${root}/copy`)
      for (const name of [`${root}/f`, `${root}/d`, `${root}/e`, `${root}/e/e`, made, `${root}/copy`])
        seen((await promises.stat(name)).mode)
      seen(made.length - root.length)
      const { O_WRONLY, O_CREAT } = constants
      const handle: Handle = await promises.open(`${root}/n`, O_WRONLY | O_CREAT, '0600')
      seen((await handle.stat()).mode)
      await handle.close()
    }))
})
