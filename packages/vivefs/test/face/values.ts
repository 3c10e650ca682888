/** Values that generated cases give to arguments, and what is done with the cases that they make. */
import { expect } from 'vitest'

export type At = (name: string) => string
/** A value, or what makes one from the root of a side. */
export type Value = unknown | ((at: At) => unknown)

export class Made {
  readonly make: (at: At) => unknown
  constructor(make: (at: At) => unknown) {
    this.make = make
  }
}
export const made = (make: (at: At) => unknown): Made => new Made(make)
export const actual = (value: Value, at: At): unknown => (value instanceof Made ? value.make(at) : value)

export const odd: readonly Value[] = [
  undefined,
  null,
  true,
  '',
  'x',
  -1,
  1.5,
  Number.NaN,
  2 ** 31,
  2 ** 32,
  10n,
  {},
  [],
  Symbol.iterator,
]
/** Node itself crashes on modes that are 32 bits without sign. */
export const oddModes = odd.filter((value) => value !== 2 ** 31)
export const encodings: readonly Value[] = ['utf8', 'hex', 'base64', 'latin1', 'buffer', 'UTF-8', 'ucs2', 'nonsense']
const places = [
  'file',
  'dir',
  'empty',
  'none',
  'none/x',
  'file/x',
  'link',
  'dirlink',
  'dangling',
  'dir/',
  'file/',
  '.',
  'dir/../file',
  'loop',
]
export const option = (name: string, values: readonly Value[]): Value[] =>
  values.map((value) => (value instanceof Made ? made((at) => ({ [name]: value.make(at) })) : { [name]: value }))
export const encodingOptions: readonly Value[] = [...encodings, ...option('encoding', [...encodings, ...odd]), ...odd]

export const kinds = {
  path: [
    ...places.map((place) => made((at) => at(place))),
    made((at) => Buffer.from(at('file'))),
    made((at) => new Uint8Array(Buffer.from(at('dir')))),
    made((at) => new URL(`file://${at('file')}`)),
    made((at) => new URL(`file://${at('f%69le')}`)),
    new URL('http://example.org/'),
    made((at) => `${at('file')}\0`),
    ...odd.filter((value) => value !== 'x' && value !== ''),
  ],
  mode: [0, 0o600, 0o755, 0o7777, '644', '0644', '0o644', '9', '', ...oddModes],
  access: [0, 1, 2, 4, 7, 8, '4', ...odd],
  copyMode: [0, 1, 2, 3, 4, 8, ...odd],
  id: [0, 1, 1000, -1, 2 ** 32 - 1, ...odd],
  time: [0, 1, 1.5, -1, '1', '1.5', 'x', new Date(5000), new Date(Number.NaN), 1e12, ...odd],
  length: [0, 1, 4, 100, -5, ...odd],
  flags: [
    'r',
    'r+',
    'w',
    'w+',
    'wx',
    'a',
    'a+',
    'ax',
    'as',
    'rs+',
    ...'xw xa sa sr rs ax+ wx+ as+ sa+ xa+ xw+ sr+'.split(' '),
    'R',
    'rw',
    0,
    1,
    2,
    0o100,
    0o300,
    0o1000,
    0o2001,
    ...odd,
  ],
  data: ['text', '', 'é', Buffer.from('bytes'), new Uint16Array([1, 2]), new DataView(new ArrayBuffer(3)), 5, ...odd],
  readOptions: [
    ...encodings,
    ...option('encoding', [...encodings, ...odd]),
    ...option('flag', ['r', 'r+', 'w', 'wx', 'a+', 'nonsense', ...odd]),
    ...option('signal', [AbortSignal.abort(), ...odd]),
    ...odd,
  ],
  writeOptions: [
    ...encodings,
    ...option('encoding', [...encodings, ...odd]),
    ...option('flag', ['w', 'a', 'wx', 'r', 'r+', 'nonsense', ...odd]),
    ...option('mode', [0o600, '600', 'x', ...oddModes]),
    ...option('flush', [true, false, ...odd]),
    ...option('signal', [AbortSignal.abort(), ...odd]),
    ...odd,
  ],
  statOptions: [...option('bigint', [true, false, ...odd]), ...option('throwIfNoEntry', [false, true, ...odd]), ...odd],
  encoding: encodingOptions,
  mkdirOptions: [
    ...option('recursive', [true, false, ...odd]),
    ...option('mode', [0o700, '700', ...oddModes]),
    0o700,
    '700',
    ...oddModes,
  ],
  readdirOptions: [
    ...encodingOptions,
    ...option('withFileTypes', [true, ...odd]),
    ...option('recursive', [true, ...odd]),
    { withFileTypes: true, encoding: 'buffer' },
  ],
  rmOptions: [
    ...option('recursive', [true, ...odd]),
    ...option('force', [true, ...odd]),
    ...option('maxRetries', [1, ...odd]),
    ...option('retryDelay', [1, ...odd]),
    { recursive: true, force: true },
    ...odd,
  ],
  dirOptions: [...option('bufferSize', [1, 2, 33]), ...option('recursive', [true, ...odd]), ...encodingOptions],
  linkType: ['file', 'dir', 'junction', 'nonsense', ...odd],
} satisfies Record<string, readonly Value[]>

export type Kind = keyof typeof kinds

export const at = (place: string): Made => made((root) => root(place))

export interface Case {
  readonly name: string
  readonly args: readonly Value[]
}

export function casesOf(name: string, usual: readonly Value[], varied: readonly (readonly Value[])[]): Case[] {
  const all: Case[] = Array.from({ length: usual.length + 1 }, (_, n) => ({ name, args: usual.slice(0, n) }))
  for (const [index, values] of varied.entries()) {
    for (const value of values) all.push({ name, args: usual.map((each, i) => (i === index ? value : each)) })
  }
  return all
}

export const brief = (value: unknown): string =>
  JSON.stringify(value, (_key, each) =>
    typeof each === 'bigint' || typeof each === 'symbol' ? String(each) : each,
  )?.slice(0, 300) ?? 'undefined'

/** Only so many of the generated cases in the default run: every n-th, all of them with VIVEFS_DEEP=1. */
export const stride = process.env.VIVEFS_DEEP === '1' ? 1 : 5

const stopsAtFirst = process.env.VIVEFS_FIRST_DIFFERENCE === '1'

/** Differences between the sides; with VIVEFS_FIRST_DIFFERENCE=1 the first one ends the test. */
export function differ(differences: string[], text: string): void {
  differences.push(text)
  if (stopsAtFirst) expect(differences).toEqual([])
}
