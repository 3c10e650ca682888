/** Where behaviour turns: every flag on what is there and what is not, the last value that is taken and the first that is not, the order of names. */
import type nodeFs from 'node:fs'
import { constants } from 'node:fs'
import { createServer } from 'node:net'
import { release } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ViveFS } from 'vivefs'
import { compare, compareCases, forms, openSides, plain, type Side, type Step } from './differential.ts'

let sides: Awaited<ReturnType<typeof openSides>>
beforeEach(async () => {
  sides = await openSides()
})
afterEach(() => sides.close())

type Anything = (...args: unknown[]) => unknown
const namesOf = (of: object): Record<string, Anything> => of as Record<string, Anything>

/** The same on both sides, with all that it tells. */
async function same(scenario: (side: Side, seen: (what: unknown) => void) => Promise<void> | void): Promise<void> {
  const told: unknown[][] = []
  for (const side of [sides.real, sides.ours]) {
    const seen: unknown[] = []
    await scenario(side, (what) => seen.push(plain(what, side.root)))
    told.push(seen)
  }
  expect(told[1]).toEqual(told[0])
}

/** What a call answers or throws; of an error also its own properties, what it says it is, and the facts of node's SystemError. */
async function said(root: string, call: () => unknown): Promise<unknown> {
  try {
    return plain(await call(), root)
  } catch (error) {
    const { info, code } = error as { info?: unknown; code?: string }
    // Those of node's own have classes that nobody else can have.
    const isCoded = code?.startsWith('ERR_')
    return [
      plain(error, root),
      Object.keys(error as Error).sort(),
      plain(info, root),
      isCoded || (error as Error).constructor.name,
    ]
  }
}

const called = (fs: typeof nodeFs, name: string, args: readonly unknown[]): Promise<unknown> =>
  new Promise((resolve, reject) => {
    namesOf(fs)[name](...args, (error: unknown, ...values: unknown[]) => (error ? reject(error) : resolve(values)))
  })

const texts = 'r rs sr r+ rs+ sr+ w wx xw w+ wx+ xw+ a ax xa as sa a+ ax+ xa+ as+ sa+'.split(' ')
const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } = constants
const numbers = [O_RDONLY, O_WRONLY, O_RDWR].flatMap((access) =>
  [
    0,
    O_CREAT,
    O_CREAT | O_EXCL,
    O_TRUNC,
    O_APPEND,
    O_APPEND | O_CREAT | O_TRUNC,
    O_NOFOLLOW,
    O_EXCL,
    O_SYNC,
    O_DIRECTORY,
    O_DIRECTORY | O_NOFOLLOW,
  ].map((more) => access | more),
)

test.each(['there', 'missing', 'link', 'dangling', 'directory', 'directory/', 'there/', 'dirlink', 'dirlink/'])(
  'flags on what is %s',
  (name) =>
    same(async ({ fs, root }, seen) => {
      const at = `${root}/${name}`
      for (const flags of [...texts, ...numbers]) {
        fs.rmSync(root, { recursive: true })
        fs.mkdirSync(`${root}/directory`, { recursive: true })
        fs.writeFileSync(`${root}/there`, '0123456789')
        fs.symlinkSync('there', `${root}/link`)
        fs.symlinkSync('new', `${root}/dangling`)
        fs.symlinkSync('directory', `${root}/dirlink`)
        seen(flags)
        seen(
          await said(root, async () => {
            const fd = fs.openSync(at, flags)
            const file = fs.fstatSync(fd).isFile()
            const into = Buffer.alloc(4)
            const steps = [
              await said(root, () => fs.readSync(fd, into, 0, 4, null)),
              await said(root, () => fs.writeSync(fd, 'AB')),
              await said(root, () => fs.writeSync(fd, Buffer.from('CD'), 0, 2, 7)),
              await said(root, () => fs.readSync(fd, into, 0, 4, 0)),
            ]
            fs.closeSync(fd)
            return [file, steps, into, fs.readdirSync(root)]
          }),
        )
        for (const each of ['there', 'new', 'missing'])
          seen(await said(root, () => fs.readFileSync(`${root}/${each}`, 'latin1')))
      }
    }),
)

const [kernelMajor, kernelMinor] = release().split('.').map(Number)
/** Since Linux 6.4 it makes no sense; before, it depended on what is there. */
const isRefused = process.platform === 'linux' && (kernelMajor > 6 || (kernelMajor === 6 && kernelMinor >= 4))

test.runIf(isRefused)('O_CREAT with O_DIRECTORY', () =>
  same(async ({ fs, root }, seen) => {
    fs.writeFileSync(`${root}/file`, '')
    fs.mkdirSync(`${root}/directory`)
    for (const name of ['file', 'directory', 'missing']) {
      for (const access of [O_RDONLY, O_RDWR])
        seen(await said(root, () => fs.openSync(`${root}/${name}`, access | O_CREAT | O_DIRECTORY)))
    }
    seen(fs.readdirSync(root))
  }),
)

test('the number of O_TMPFILE is that of the system', () => {
  const { O_TMPFILE } = namesOf(sides.ours.fs.constants) as unknown as { O_TMPFILE: number }
  if (process.platform === 'linux') expect(O_TMPFILE).toBe(0o20_000_000 | O_DIRECTORY)
  else expect(O_TMPFILE & O_DIRECTORY).toBe(O_DIRECTORY)
})

/** Above the last of one surrogate half come names that sort the other way as bytes. */
const NAMES = ['b', 'a', 'Z', 'é', '～', '😀', '\u{10ffff}', '￿', 'a.b', 'a-b', 'ab', '.h']

test('listings are in the order of bytes', () =>
  same(async ({ fs, root }, seen) => {
    for (const name of NAMES) fs.writeFileSync(`${root}/${name}`, '')
    fs.mkdirSync(`${root}/a d`)
    fs.writeFileSync(`${root}/a d/😀`, '')
    fs.writeFileSync(`${root}/a d/～`, '')
    for (const encoding of ['utf8', 'buffer', 'hex', 'latin1', undefined] as never[]) {
      seen(fs.readdirSync(root, { encoding }))
      seen(await fs.promises.readdir(root, { encoding }))
      seen(await called(fs, 'readdir', [root, { encoding }]))
      seen(fs.readdirSync(root, { encoding, withFileTypes: true }))
    }
    seen(fs.readdirSync(`${root}/a d`))
    fs.rmSync(root, { recursive: true })
    fs.mkdirSync(root)
  }))

test.each(forms)('no name at all: %s', (form) => {
  const of =
    'access chmod chown copyFile lchown link lstat lutimes mkdir open opendir readFile readdir readlink realpath'
  const more = 'rename rm rmdir stat statfs symlink truncate unlink utimes writeFile appendFile'
  const second: Record<string, unknown[]> = {
    chmod: [0],
    chown: [0, 0],
    lchown: [0, 0],
    lutimes: [1, 1],
    utimes: [1, 1],
  }
  const steps = `${of} ${more}`
    .split(' ')
    // The older realpath takes it for the current directory, which is the process's.
    .filter((name) => name !== 'realpath' || form === 'promises')
    .flatMap((name): Step[] => {
      const two = ['copyFile', 'link', 'rename', 'symlink'].includes(name)
      const rest = two ? ['x'] : (second[name] ?? (name.endsWith('File') ? ['data'] : []))
      if (name === 'readFile') rest.length = 0
      return [[name, () => ['', ...rest]], ...(two ? [[name, (at) => [at('x'), '']] as Step] : [])]
    })
  return compare(form, steps)
})

test('an older and a native realpath of nothing', () =>
  same(async ({ fs, root }, seen) => {
    seen(await said(root, () => fs.realpathSync.native('')))
    seen(await said(root, () => new Promise((done, not) => fs.realpath.native('', (e, v) => (e ? not(e) : done(v))))))
    seen(await said(root, () => fs.realpathSync(`${root}/none/x`)))
  }))

const lengths = [1, 27, 28, 29, 127, 128, 129, 130, 200]
const shown: readonly unknown[] = [
  ...lengths.map((length) => 'y'.repeat(length)),
  ...lengths.map((length) => `${'y'.repeat(length - 1)}'`),
  ...lengths.map((length) => BigInt('1'.repeat(length))),
  ...lengths.map((length) => ({ ['k'.repeat(length)]: 1 })),
  ...lengths.map((length) => [length, 'z'.repeat(length)]),
  ...[
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 32 + 1,
    -(2 ** 32) - 1,
    2 ** 53,
    -(2 ** 53),
  ],
  ...[1e21, -1e21, 2 ** 40 + 0.5, 0.1, -0.5, -0, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER],
  ...[2n ** 32n, 2n ** 32n + 1n, -(2n ** 32n), -(2n ** 32n) - 1n, 2n ** 63n, -(2n ** 63n) - 1n, -1n, 1234567n],
  new Date(0),
  new Map(),
  Object.create(null),
  function named() {},
  () => {},
  class Some {},
  Symbol('a symbol with a long description'),
]

test('how a message shows what it was given', () =>
  same(async ({ fs, root }, seen) => {
    fs.writeFileSync(`${root}/f`, 'content')
    const fd = fs.openSync(`${root}/f`, 'r+')
    const { isCallable } = { isCallable: (value: unknown): boolean => typeof value === 'function' }
    for (const value of shown as never[]) {
      const path = `${root}/f`
      const calls: (() => unknown)[] = [
        () => fs.chmodSync(path, value),
        () => fs.chownSync(path, value, 0),
        () => fs.fchownSync(fd, 0, value),
        () => fs.mkdirSync(path, { recursive: value }),
        () => fs.readFileSync(path, { encoding: value }),
        () => fs.readFileSync(path, { flag: typeof value === 'number' ? 'never' : value }),
        () => fs.symlinkSync(path, path, value),
        () => fs.readSync(fd, Buffer.alloc(2), value, 1, 0),
        () => fs.writeSync(fd, Buffer.alloc(2), value),
        () => fs.copyFileSync(path, path, value),
        () => fs.rmSync(path, { maxRetries: value, retryDelay: value, recursive: true, force: value }),
        () => fs.opendirSync(root, { encoding: value }).closeSync(),
        () => fs.promises.cp(path, path, { mode: value }),
        () => fs.accessSync(path, value),
        () => fs.statSync(value),
        () => fs.writeFileSync(path, value as never),
      ]
      for (const [index, call] of calls.entries()) {
        // A descriptor; what succeeds on one side only would change the rest.
        if (typeof value === 'number' && index === 15) continue
        if (isCallable(value) && index === 4) continue
        // Node itself crashes on modes that are no 32 bits with sign.
        if (index === 0 && typeof value === 'number' && !Object.is(value, value | 0)) continue
        const was = fs.readFileSync(path)
        seen([String(typeof value), index, await said(root, call)])
        if (!fs.existsSync(path) || !fs.readFileSync(path).equals(was)) fs.writeFileSync(path, was)
      }
    }
    fs.closeSync(fd)
  }))

test('every option of cp that is of a wrong type', () =>
  same(async ({ fs, root }, seen) => {
    fs.writeFileSync(`${root}/f`, '')
    const names = 'dereference errorOnExist filter force preserveTimestamps recursive verbatimSymlinks mode'.split(' ')
    for (const name of names) {
      for (const value of [null, 0, 'yes', {}, -1, 8]) {
        const options = { [name]: value } as never
        seen([name, value, await said(root, () => fs.cpSync(`${root}/f`, `${root}/to`, options))])
        seen(await said(root, () => fs.promises.cp(`${root}/f`, `${root}/to`, options)))
      }
    }
  }))

/** read and write in all the shapes that they are called in. */
const readShapes: readonly (() => unknown[])[] = [
  () => [],
  () => [undefined],
  () => [null],
  () => [{}],
  () => [5],
  () => ['x'],
  () => [[]],
  () => [{ buffer: Buffer.alloc(4) }],
  () => [{ buffer: Buffer.alloc(4), offset: 1 }],
  () => [{ buffer: Buffer.alloc(4), position: 2 }],
  () => [{ buffer: Buffer.alloc(0) }],
  () => [{ position: 3 }],
  () => [{}, {}],
  () => [null, null],
  () => [5, {}],
  () => [{ buffer: Buffer.alloc(4) }, { position: 3 }],
  () => [Buffer.alloc(4)],
  () => [Buffer.alloc(4), undefined],
  () => [Buffer.alloc(4), null],
  () => [Buffer.alloc(4), {}],
  () => [Buffer.alloc(4), { offset: 1, length: 2, position: 1 }],
  () => [Buffer.alloc(4), 5],
  () => [Buffer.alloc(4), 'x'],
  () => [Buffer.alloc(4), 1],
  () => [Buffer.alloc(4), 1, 2],
  () => [Buffer.alloc(4), 1, 2, null],
  () => [Buffer.alloc(4), 1, 2, 3n],
  () => [Buffer.alloc(4), null, 2, 0],
  () => [new DataView(new ArrayBuffer(8), 2, 4), 1, 2, 0],
  () => [new Uint16Array(3), 1, 3, 0],
]
const writeShapes: readonly (() => unknown[])[] = [
  () => ['text'],
  () => ['text', 3],
  () => ['text', null, 'utf8'],
  () => ['6869', 1, 'hex'],
  () => ['686', 1, 'hex'],
  () => ['68697', 1, 'HEX'],
  () => ['686970', 1, 'hex'],
  () => ['dGV4dA', 0, 'base64'],
  () => ['text', 0, 'nonsense'],
  () => ['text', 0, 5],
  () => ['', 0],
  () => [Buffer.from('WXYZ')],
  () => [Buffer.from('WXYZ'), undefined, undefined, undefined],
  () => [Buffer.from('WXYZ'), null],
  () => [Buffer.from('WXYZ'), 1],
  () => [Buffer.from('WXYZ'), 1, 2],
  () => [Buffer.from('WXYZ'), 1, 2, 5],
  () => [Buffer.from('WXYZ'), 4],
  () => [Buffer.from('WXYZ'), 5],
  () => [Buffer.from('WXYZ'), 1, 4],
  () => [Buffer.from('WXYZ'), {}],
  () => [Buffer.from('WXYZ'), { offset: 2 }],
  () => [Buffer.from('WXYZ'), { offset: 1, length: 2, position: 0 }],
  () => [new Uint16Array([0x4142, 0x4344]), 1, 2, 0],
]
const many: readonly (() => unknown[])[] = [
  () => [[]],
  () => [[Buffer.from('A')]],
  () => [[Buffer.from('AB'), Buffer.from('C')]],
  () => [[Buffer.from('AB')], 2],
  () => [[Buffer.from('AB'), new Uint8Array([67])], null],
  () => [[Buffer.from('AB')], undefined],
]
const shapes: Record<string, readonly (() => unknown[])[]> = {
  read: readShapes,
  readv: many,
  write: writeShapes,
  writev: many,
}

test.each(Object.keys(shapes))('shapes of %s, on files read, written and appended to', (name) =>
  same(async ({ fs, root }, seen) => {
    const path = `${root}/f`
    for (const flags of ['r+', 'a+']) {
      for (const [index, shape] of shapes[name].entries()) {
        const forms: Record<string, (fd: number, given: unknown[]) => unknown> = {
          sync: (fd, given) => namesOf(fs)[`${name}Sync`](fd, ...given),
          callback: (fd, given) => called(fs, name, [fd, ...given]),
        }
        // A crash of node's: a FileHandle's read of a length that is none.
        for (const [form, call] of Object.entries(forms)) {
          fs.writeFileSync(path, '0123456789')
          const fd = fs.openSync(path, flags)
          const given = shape()
          const views = given.flat().filter((each) => ArrayBuffer.isView(each))
          const answer = await said(root, async () => {
            const value = await call(fd, given)
            return Array.isArray(value)
              ? value.map((each) => (ArrayBuffer.isView(each) ? each.byteLength : each))
              : value
          })
          seen([
            flags,
            index,
            form,
            answer,
            views.map(({ buffer, byteOffset, byteLength }) =>
              Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('hex'),
            ),
          ])
          const rest = Buffer.alloc(3)
          seen([fs.readSync(fd, rest), rest])
          fs.closeSync(fd)
          seen(fs.readFileSync(path, 'latin1'))
        }
        const handle = await fs.promises.open(path, flags)
        const answer = await said(root, async () => {
          const { bytesRead, bytesWritten, buffer, buffers } = (await namesOf(handle)[name](...shape())) as never
          return [
            bytesRead,
            bytesWritten,
            (buffer as { byteLength?: number })?.byteLength,
            (buffers as unknown[])?.length,
          ]
        })
        seen([flags, index, answer])
        await handle.close()
        seen(fs.readFileSync(path, 'latin1'))
      }
    }
  }),
)

test('the rest of an open file, of every length and from every place', () =>
  same(async ({ fs, root }, seen) => {
    for (const length of [0, 1, 2, 3, 9]) {
      fs.writeFileSync(`${root}/f`, '123456789'.slice(0, length))
      for (const from of [0, 1, 2, 9]) {
        const handle = await fs.promises.open(`${root}/f`)
        await handle.read(Buffer.alloc(9), 0, from)
        seen([length, from, await handle.readFile('utf8'), (await handle.readFile()).length])
        await handle.close()
        const fd = fs.openSync(`${root}/f`, 'r')
        fs.readSync(fd, Buffer.alloc(9), 0, from, null)
        seen([fs.readFileSync(fd, 'utf8'), await called(fs, 'readFile', [fd])])
        fs.closeSync(fd)
      }
    }
  }))

test('beyond 4 GiB', () =>
  same(async ({ fs, root }, seen) => {
    const path = `${root}/f`
    const far = 2 ** 32 + 7
    const handle = await fs.promises.open(path, 'w+')
    seen((await handle.write(Buffer.from('far'), 0, 3, far)).bytesWritten)
    seen((await handle.write('text', far + 10)).bytesWritten)
    seen((await handle.stat()).size)
    seen([(await handle.stat({ bigint: true })).size, fs.statSync(path).size])
    for (const position of [far - 2, BigInt(far) + 1n, 2 ** 32 - 1, 2 ** 33, far + 13]) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(6), 0, 6, position as never)
      seen([bytesRead, buffer])
      const into = Buffer.alloc(6)
      seen([fs.readSync(handle.fd, into, 0, 6, position), into])
      seen(await called(fs, 'read', [handle.fd, Buffer.alloc(6), 0, 6, position]))
    }
    for await (const piece of fs.createReadStream(path, { start: far - 1, end: far + 20 })) seen(piece)
    for await (const piece of handle.createReadStream({ start: far + 9, autoClose: false })) seen(piece)
    const writer = fs.createWriteStream(path, { flags: 'r+', start: 2 ** 32 + 1 })
    await new Promise((resolve) => writer.end('stream', resolve as () => void))
    await handle.truncate(far + 2)
    seen([(await handle.stat()).size, fs.readSync(handle.fd, Buffer.alloc(9), 0, 9, far)])
    fs.ftruncateSync(handle.fd, 2 ** 40)
    seen(fs.statSync(path).size)
    seen(await said(root, () => fs.readFileSync(path)))
    seen(await said(root, () => fs.promises.readFile(path)))
    fs.appendFileSync(path, 'end')
    seen([fs.statSync(path).size, fs.readSync(handle.fd, Buffer.alloc(9), 0, 9, 2 ** 40 - 2)])
    await handle.close()
    fs.truncateSync(path, 5)
    seen(fs.readFileSync(path))
  }))

test('times to the last digit', () =>
  same(async ({ fs, root }, seen) => {
    fs.writeFileSync(`${root}/f`, '')
    for (const time of [0, 1.5, 1.0000001, 1_700_000_000.123, 1_700_000_000.75, '12.25', new Date(1234567890123)]) {
      fs.utimesSync(`${root}/f`, time, time)
      const { atimeNs, mtimeNs, mtimeMs } = fs.statSync(`${root}/f`, { bigint: true })
      seen([atimeNs, mtimeNs, mtimeMs, fs.statSync(`${root}/f`).mtimeMs])
      await fs.promises.utimes(`${root}/f`, time, 7)
      seen([fs.statSync(`${root}/f`, { bigint: true }).atimeNs])
    }
  }))

test.runIf('Temporal' in globalThis)('exact times', () =>
  same(({ fs, root }, seen) => {
    fs.writeFileSync(`${root}/f`, '')
    fs.utimesSync(`${root}/f`, 1.25, 1_700_000_000.123)
    for (const bigint of [true, false]) {
      const stats = fs.statSync(`${root}/f`, { bigint }) as unknown as Record<string, unknown>
      seen([`${stats.atimeInstant}`, `${stats.mtimeInstant}`, typeof stats.ctimeInstant, 'birthtimeInstant' in stats])
    }
  }),
)

test('callbacks that are none', () =>
  same(async ({ fs, root }, seen) => {
    fs.writeFileSync(`${root}/f`, '')
    const dir = await fs.promises.opendir(root)
    for (const value of [null, 5, 'x', {}]) {
      for (const name of ['read', 'close']) seen(await said(root, () => namesOf(dir)[name](value)))
      for (const name of ['close', 'fsync', 'fstat', 'fdatasync'])
        seen(await said(root, () => namesOf(fs)[name](9999, value)))
      for (const name of [
        'stat',
        'open',
        'readdir',
        'realpath',
        'readFile',
        'unlink',
        'access',
        'exists',
        'mkdtemp',
        'opendir',
      ])
        seen(await said(root, () => namesOf(fs)[name](`${root}/f`, value)))
    }
    await dir.close()
  }))

test('what is opened is closed: recursive directories, early ends, disposal', () =>
  same(async ({ fs, root }, seen) => {
    fs.mkdirSync(`${root}/a/b/c`, { recursive: true })
    fs.writeFileSync(`${root}/a/b/f`, '')
    const next = (): number => {
      const fd = fs.openSync(`${root}/a/b/f`, 'r')
      fs.closeSync(fd)
      return fd
    }
    const before = next()
    for (const recursive of [true, false]) {
      for await (const _ of await fs.promises.opendir(root, { recursive }));
      for await (const _ of await fs.promises.opendir(root, { recursive })) break
      const read = fs.opendirSync(root, { recursive })
      while (read.readSync() !== null);
      read.closeSync()
      const dir = await fs.promises.opendir(root, { recursive })
      const dispose = (dir as never as Record<symbol, Anything>)[Symbol.asyncDispose]
      if (dispose !== undefined) await dispose.call(dir)
      else await dir.close()
      seen(await said(root, () => dir.read()))
    }
    seen(next() - before)
  }))

test('blobs: type, length, a directory, none', () =>
  same(async ({ fs, root }, seen) => {
    fs.writeFileSync(`${root}/f`, 'content')
    for (const options of [
      undefined,
      {},
      { type: 'text/plain' },
      { type: '' },
      { type: undefined },
      { type: 5 },
      null,
      5,
    ] as never[]) {
      seen(
        await said(root, async () => {
          const blob = await fs.openAsBlob(`${root}/f`, options)
          return [blob.type, blob.size, await blob.text()]
        }),
      )
    }
  }))

test('every mode of copyFile, onto nothing and onto a file', () =>
  same(async ({ fs, root, isReal }, seen) => {
    fs.writeFileSync(`${root}/f`, 'content')
    for (const mode of [0, 1, 2, 3, 5, 6, 7, 8, 9, -1]) {
      // A volume shares what it copies; the host of the tests may not.
      const asked = isReal && (mode & constants.COPYFILE_FICLONE_FORCE) !== 0 && mode > 0 && mode < 8 ? mode & 1 : mode
      for (const _ of ['nothing', 'a file']) {
        seen([mode, await said(root, () => fs.copyFileSync(`${root}/f`, `${root}/to`, asked))])
        seen(await said(root, () => fs.readFileSync(`${root}/to`, 'latin1')))
      }
      fs.rmSync(`${root}/to`, { force: true })
    }
  }))

test('names that are none: dots, roots and slashes', () =>
  same(async ({ fs, root }, seen) => {
    for (const name of ['d/.', 'd/..', 'd/', '.', '..', 'd/./', 'none/.', 'f/.', 'f/']) {
      for (const other of ['x', 'd/x', 'd', 'd/.', '.']) {
        fs.rmSync(root, { recursive: true })
        fs.mkdirSync(`${root}/d`, { recursive: true })
        fs.writeFileSync(`${root}/f`, '')
        const at = `${root}/${name}`
        for (const [from, to] of [
          [at, `${root}/${other}`],
          [`${root}/${other}`, at],
        ]) {
          for (const call of ['rename', 'link', 'symlink']) {
            seen([call, from, to, await said(root, () => namesOf(fs)[`${call}Sync`](from, to))])
          }
        }
        for (const call of ['unlink', 'rmdir', 'mkdir', 'readlink', 'truncate', 'lstat', 'opendir']) {
          const answer = await said(root, () => namesOf(fs)[`${call}Sync`](at))
          seen([call, name, Array.isArray(answer) ? answer : 'done'])
        }
      }
      fs.rmSync(root, { recursive: true, force: true })
      fs.mkdirSync(root)
    }
  }))

test('owners at their bounds', () =>
  same(async ({ fs, root }, seen) => {
    fs.writeFileSync(`${root}/f`, '')
    const isSuperuser = process.getuid?.() === 0
    for (const id of [-3, -2, -1, ...(isSuperuser ? [2 ** 32 - 2, 2 ** 32 - 1] : []), 2 ** 32]) {
      seen([id, await said(root, () => fs.chownSync(`${root}/f`, id, id))])
      const { uid, gid } = fs.statSync(`${root}/f`)
      seen([uid, gid])
    }
  }))

test('a view with a current directory', async () => {
  const vive = await ViveFS.open('memory://', { durability: 'relaxed' })
  const { fs } = vive.root
  await fs.promises.mkdir('/d/in', { recursive: true })
  await fs.promises.writeFile('/d/f', 'in d')
  await fs.promises.writeFile('/f', 'at the root')
  for (const cwd of ['/d', '/d/', '/d/in/..']) {
    const view = vive.as({ uid: 0, gid: 0, cwd }).fs
    expect(view.readFileSync('f', 'utf8')).toBe('in d')
    expect(view.readFileSync('./in/../f', 'utf8')).toBe('in d')
    expect(view.readFileSync('../f', 'utf8')).toBe('at the root')
    expect(view.readFileSync('/f', 'utf8')).toBe('at the root')
    expect(view.readFileSync('//d/f', 'utf8')).toBe('in d')
    expect(await view.promises.readFile(Buffer.from('f'), 'utf8')).toBe('in d')
    expect(view.realpathSync('in')).toBe('/d/in')
    expect(view.realpathSync('/d/in')).toBe('/d/in')
    expect(() => view.statSync('')).toThrow(/ENOENT: no such file or directory, stat ''/)
    await view.promises.symlink('f', 'link')
    expect(await view.promises.readFile('/d/link', 'utf8')).toBe('in d')
    await view.promises.unlink('link')
  }
  await vive.close()
})

test('what POSIX has beyond node: defaults and refusals', async () => {
  const vive = await ViveFS.open('memory://', { durability: 'relaxed' })
  const { promises } = vive.as({ uid: 0, gid: 0, umask: 0 }).fs
  await promises.mkfifo('/fifo')
  expect((await promises.stat('/fifo')).mode & 0o7777).toBe(0o666)
  await promises.writeFile('/f', 'x')
  const handle = await promises.open('/f', 'r+')
  await expect(handle.seek('nothing' as never, 0)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  for (const length of [0, -1, 1.5]) {
    await expect(handle.allocate(0, length)).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringContaining('"length"'),
    })
  }
  await handle.close()
  await vive.close()
})

test('sockets and pipes are not copied', () =>
  same(async ({ fs, root, isReal }, seen) => {
    const socket = `${root}/socket`
    const server = createServer()
    if (isReal) await new Promise<void>((resolve) => server.listen(socket, resolve))
    else await (fs.promises as unknown as { mknod: Anything }).mknod(socket, 'socket')
    fs.writeFileSync(`${root}/f`, '')
    for (const recursive of [true, false]) {
      seen(await said(root, () => fs.promises.cp(socket, `${root}/to`, { recursive })))
      seen(await said(root, () => fs.promises.cp(root, `${root}-to`, { recursive: false })))
    }
    seen(await said(root, () => fs.promises.cp(`${root}/f`, `${root}/f`)))
    seen(await said(root, () => fs.promises.cp(root, `${root}/below`, { recursive: true })))
    if (isReal) await new Promise((resolve) => server.close(resolve))
    fs.rmSync(socket, { force: true })
  }))

test('links that are copied lead where they led', () => {
  const tree: Step[] = [
    ['mkdir', (at) => [at('src/in'), { recursive: true }]],
    ['writeFile', (at) => [at('src/in/f'), 'f']],
    ['symlink', (at) => ['in/f', at('src/down')]],
    ['symlink', (at) => ['../src/in', at('src/up')]],
    ['symlink', (at) => [at('src/in/f'), at('src/whole')]],
    ['mkdir', (at) => [at('dst')]],
    ['symlink', (at) => ['elsewhere', at('dst/down')]],
    ['symlink', (at) => [at('src/in/f'), at('dst/whole')]],
  ]
  const cases = [{}, { verbatimSymlinks: true }, { dereference: true }, { force: false }].flatMap((more): Step[] => [
    ['cp', (at) => [at('src'), at('dst'), { recursive: true, ...more }]],
    ['cp', (at) => [at('src'), at('new'), { recursive: true, ...more }]],
    ['cp', (at) => [at('src/down'), at('new'), more]],
  ])
  const left = ['down', 'up', 'whole'].flatMap((name): Step[] => [
    ['readlink', (at) => [at(`dst/${name}`)]],
    ['readlink', (at) => [at(`new/${name}`)]],
    ['readlink', (at) => [at('new')]],
  ])
  return compareCases('promises', tree, cases, left)
})

test('a read-only volume says so to whoever wants to write', async () => {
  const { MemoryLevel } = await import('memory-level')
  const database = new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const vive = await ViveFS.open(database)
  await vive.fs.promises.writeFile('/f', '')
  await vive.fs.promises.mkdir('/d')
  await (vive.root.fs.promises as unknown as { mkfifo: Anything }).mkfifo('/fifo', 0o666)
  await vive.close()
  const reader = await ViveFS.open(database, { readOnly: true })
  const asked = (path: string, mode: number): Promise<unknown> =>
    reader.fs.promises.access(path, mode).then(
      () => 'yes',
      ({ code }) => code,
    )
  expect(await asked('/f', constants.R_OK)).toBe('yes')
  // access(2): EROFS for what is stored, not for what stands behind a node.
  for (const path of ['/f', '/d']) expect(await asked(path, constants.W_OK)).toBe('EROFS')
  expect(await asked('/fifo', constants.W_OK)).toBe('yes')
  await reader.close()
})

test('an exchange with a slash behind a file', async () => {
  const { promises } = sides.ours.fs as never as { promises: Record<string, (...args: unknown[]) => Promise<unknown>> }
  const { root } = sides.ours
  await promises.writeFile(`${root}/a`, 'a')
  await promises.writeFile(`${root}/b`, 'b')
  await promises.mkdir(`${root}/d`)
  const exchange = { exchange: true }
  for (const [from, to] of [
    ['a', 'b/'],
    ['a/', 'b'],
    ['d', 'b/'],
    ['b/', 'd'],
  ]) {
    await expect(promises.rename(`${root}/${from}`, `${root}/${to}`, exchange)).rejects.toMatchObject({
      code: 'ENOTDIR',
    })
  }
  await promises.rename(`${root}/a`, `${root}/d/`, exchange)
  expect(await promises.readFile(`${root}/d`, 'utf8')).toBe('a')
})
