/**
 * Generated cases of what is open: every function of a descriptor and every method of a FileHandle with every kind of
 * value in each of its arguments, in every form. Outcome, error, buffers, position and the file itself are compared.
 */
import type nodeFs from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { type Form, forms, openSides, plain, type Side } from './differential.ts'
import { actual, brief, casesOf, differ, kinds, made, odd, option, stride, type Value } from './values.ts'

/** What opens the file, and what is called on it. */
interface OpenCase {
  readonly flags: string
  readonly name: string
  readonly args: readonly Value[]
}

const buffers: readonly Value[] = [
  made(() => Buffer.alloc(0)),
  made(() => Buffer.alloc(20)),
  made(() => new Uint16Array(3)),
  made(() => new DataView(new ArrayBuffer(5), 1, 3)),
  made(() => new ArrayBuffer(4)),
  made(() => Buffer.from('0123456789').subarray(2, 6)),
]
const offsets: readonly Value[] = [0, 1, 4, 5, -0, '1', ...odd]
const positions: readonly Value[] = [
  0,
  2,
  9,
  100,
  0n,
  3n,
  -1n,
  2n ** 70n,
  '1',
  ...odd.filter((each) => typeof each !== 'number' || each < 1000),
]
const lists: readonly Value[] = [
  made(() => []),
  made(() => [Buffer.alloc(3), new Uint8Array(2), new DataView(new ArrayBuffer(2))]),
  made(() => [Buffer.alloc(30), Buffer.alloc(3)]),
  made(() => [Buffer.alloc(0), Buffer.from('ab')]),
  made(() => [Buffer.alloc(3), 'text']),
  made(() => Buffer.alloc(3)),
  ...odd,
]
const four = made(() => Buffer.from('WXYZ'))
const transferOptions: readonly Value[] = [
  ...option('offset', [0, 1, 4, 5, ...odd]),
  ...option('length', [0, 1, 4, 5, ...odd]),
  ...option('position', positions),
]
const withBuffer: readonly Value[] = [
  made(() => ({ buffer: Buffer.alloc(6) })),
  made(() => ({ buffer: Buffer.alloc(6), offset: 2, length: 3, position: 1 })),
  made(() => ({ buffer: Buffer.alloc(6), length: 9 })),
  made(() => ({ buffer: null })),
  { length: 5 },
  { position: 3 },
]
/** As many as the host can take without writing gigabytes. */
const lengths: readonly Value[] = [0, 1, 4, 100, -5, ...odd.filter((each) => typeof each !== 'number' || each < 1000)]

type Parameters = readonly (readonly [values: readonly Value[], usual: Value])[]

/** Behind the descriptor, or of the method of FileHandle. */
const parametersOf: Record<string, Parameters> = {
  chmod: [[kinds.mode, 0o640]],
  chown: [
    [kinds.id, 0],
    [kinds.id, 0],
  ],
  close: [],
  datasync: [],
  read: [
    [[...buffers, ...withBuffer, ...odd], made(() => Buffer.alloc(6))],
    [[...offsets, ...transferOptions], 1],
    [offsets, 3],
    [positions, 2],
  ],
  readFile: [[kinds.readOptions, undefined]],
  readv: [
    [lists, made(() => [Buffer.alloc(3), Buffer.alloc(4)])],
    [positions, 1],
  ],
  stat: [[option('bigint', [true, false, ...odd]), undefined]],
  sync: [],
  truncate: [[lengths, 3]],
  utimes: [
    [kinds.time, 1],
    [kinds.time, 2],
  ],
  write: [
    [[...buffers, 'text', '', ...odd], four],
    [[...offsets, ...transferOptions], 1],
    [[...offsets, 'utf8', 'hex', 'nonsense'], 2],
    [positions, 3],
  ],
  writeFile: [
    [kinds.data, 'new'],
    [kinds.writeOptions, undefined],
  ],
  appendFile: [
    [kinds.data, 'new'],
    [kinds.writeOptions, undefined],
  ],
  writev: [
    [lists, made(() => [Buffer.from('AB'), Buffer.from('CDE')])],
    [positions, 1],
  ],
}
/** Strings have their own order of arguments. */
const texts: readonly OpenCase[] = positions.flatMap((value) => [
  { flags: 'r+', name: 'write', args: ['héé', value] },
  { flags: 'r+', name: 'write', args: ['6869', 1, value] },
  { flags: 'r+', name: 'write', args: ['6869', 1, 'hex'] },
])

const functionOf: Readonly<Record<string, string>> = {
  chmod: 'fchmod',
  chown: 'fchown',
  datasync: 'fdatasync',
  stat: 'fstat',
  sync: 'fsync',
  truncate: 'ftruncate',
  utimes: 'futimes',
}

const cases: readonly OpenCase[] = [
  ...Object.entries(parametersOf).flatMap(([name, parameters]) => {
    const usual = parameters.map(([, value]) => value)
    const varied = casesOf(
      name,
      usual,
      parameters.map(([values]) => values),
    ).map((each) => ({ flags: 'r+', ...each }))
    return [...['r', 'w', 'a', 'a+', 'rs+'].map((flags) => ({ flags, name, args: usual })), ...varied]
  }),
  ...texts,
]

const isBinary = (value: unknown): value is ArrayBuffer | NodeJS.ArrayBufferView =>
  ArrayBuffer.isView(value) || value instanceof ArrayBuffer

const SHOWN_BYTES = 48

/** Buffers by their bytes; objects by their entries. */
function normal(value: unknown, root: string): unknown {
  if (isBinary(value)) {
    const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(value) ? value : Buffer.from(value)
    return `${value.constructor.name} ${byteLength} ${Buffer.from(buffer as ArrayBuffer, byteOffset, Math.min(byteLength, SHOWN_BYTES)).toString('hex')}`
  }
  if (Array.isArray(value)) return value.map((each) => normal(each, root))
  const prototype = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined
  if (prototype === null || prototype === Object.prototype) {
    return Object.fromEntries(Object.entries(value as object).map(([key, each]) => [key, normal(each, root)]))
  }
  return plain(value, root)
}

/** Node itself crashes on lengths that are numbers and no 32-bit integers, FileHandle's read on all that are none. */
function crashesNode({ name, args }: OpenCase, form: Form): boolean {
  if (name !== 'write' && (form !== 'promises' || name !== 'read')) return false
  const lengths = [args[2], (args[1] as { length?: unknown } | null | undefined)?.length]
  const isInt32 = (value: unknown): boolean => typeof value === 'number' && Object.is(value, value | 0)
  if (name === 'write') return lengths.some((length) => typeof length === 'number' && !isInt32(length))
  return !lengths.every((length) => length === undefined || length === null || isInt32(length))
}

/** Node's readFile drops the errors of a descriptor: it calls back with nothing read. */
const dropsErrors = ({ flags, name, args }: OpenCase, form: Form): boolean =>
  form === 'callback' &&
  name === 'readFile' &&
  (flags === 'w' ||
    flags === 'a' ||
    (args[0] as { signal?: unknown } | null | undefined)?.signal instanceof AbortSignal)

type Anything = (...args: unknown[]) => unknown
const namesOf = (of: object): Record<string, Anything> => of as Record<string, Anything>

async function attempt(root: string, work: () => unknown): Promise<unknown> {
  try {
    return normal(await work(), root)
  } catch (error) {
    return plain(error, root)
  }
}

/** What is to be seen of the file. */
function look(fs: typeof nodeFs, file: string): unknown {
  const { mode, uid, gid, size, atimeMs, mtimeMs } = fs.statSync(file)
  const times = [atimeMs, mtimeMs].map((ms) => (ms < 1e11 && ms >= 0 ? ms : 'now'))
  return [mode, uid, gid, size, times, fs.readFileSync(file, 'latin1')]
}

function called({ fs, root, isReal }: Side, form: Form, name: string, args: readonly unknown[]): unknown {
  if (form === 'sync') return namesOf(fs)[`${name}Sync`](...args)
  return new Promise((resolve, reject) => {
    let isSameTurn = true
    namesOf(fs)[name](...args, (error: unknown, ...values: unknown[]) => {
      // Node itself does that for some refusals.
      if (isSameTurn && !isReal) reject(new Error('called back in the same step'))
      else if (error) resolve({ error: plain(error, root), count: values.length })
      else resolve(values)
    })
    isSameTurn = false
  })
}

const FILE = 'content é'

/** The case on a file of its own content: what it answered, its arguments afterwards, where the file stands, the file. */
async function observe(side: Side, form: Form, { flags, name, args }: OpenCase): Promise<unknown> {
  const { fs, root } = side
  const file = `${root}/file`
  fs.writeFileSync(file, FILE)
  fs.chmodSync(file, 0o644)
  const given = args.map((value) => actual(value, (place) => `${root}/${place}`))
  const handle = form === 'promises' ? await fs.promises.open(file, flags) : undefined
  const fd = handle?.fd ?? fs.openSync(file, flags)
  const result = await attempt(root, () =>
    handle === undefined
      ? called(side, form, functionOf[name] ?? name, [fd, ...given])
      : namesOf(handle)[name](...given),
  )
  const seen = [result, given.map((each) => (typeof each === 'object' ? normal(each, root) : typeof each))]
  if (name !== 'close') {
    const rest = Buffer.alloc(4)
    seen.push(await attempt(root, () => [fs.readSync(fd, rest), rest]))
    if (handle === undefined) fs.closeSync(fd)
    else await handle.close()
  }
  const late = handle === undefined ? undefined : await attempt(root, () => namesOf(handle)[name](...given))
  return [...seen, late, look(fs, file)]
}

/** 0, 1 and 2 are the host's own; a symbol crashes Node. */
const noDescriptors = odd.filter((value) => {
  if (typeof value === 'number') return value < 0 || value > 1000 || value % 1 !== 0
  return typeof value !== 'symbol'
})

async function refusedDescriptor(side: Side, form: Form, name: string, fd: unknown): Promise<unknown> {
  const { root } = side
  const usual = (parametersOf[name] ?? []).map(([, value]) => actual(value, (place) => `${root}/${place}`))
  return attempt(root, () => called(side, form, functionOf[name] ?? name, [fd, ...usual]))
}

test.each(forms)('what is open: %s', { timeout: 600_000 }, async (form) => {
  const { real, ours, close } = await openSides()
  const differences: string[] = []
  let ran = 0
  const silent = (): void => {}
  process.on('warning', silent)
  for (const [index, each] of cases.entries()) {
    // Of the others some at a time; the plain calls always.
    if (index % stride !== 0 && each.flags === 'r+' && each.args.length > 1) continue
    if (crashesNode(each, form) || dropsErrors(each, form)) continue
    ran++
    const seen = [await observe(real, form, each), await observe(ours, form, each)]
    if (isDeepStrictEqual(seen[0], seen[1])) continue
    const shown = `${each.name}(${each.flags}; ${each.args.map((value) => brief(actual(value, (place) => place))).join(', ')})`
    differ(differences, `${shown}: node ${brief(seen[0])}, ours ${brief(seen[1])}`)
  }
  for (const name of form === 'promises' ? [] : Object.keys(parametersOf)) {
    for (const fd of noDescriptors) {
      if (/File$/.test(name)) continue
      ran++
      const seen = [await refusedDescriptor(real, form, name, fd), await refusedDescriptor(ours, form, name, fd)]
      if (isDeepStrictEqual(seen[0], seen[1])) continue
      differ(differences, `${name} of ${brief(fd)}: node ${brief(seen[0])}, ours ${brief(seen[1])}`)
    }
  }
  process.off('warning', silent)
  await close()
  console.log(`generated open ${form}: ${ran} cases, ${differences.length} differences`)
  expect(differences).toEqual([])
})
