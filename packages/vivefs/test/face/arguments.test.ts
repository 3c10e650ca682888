/** Arguments that are wrong: the codes, names and messages of node:fs, thrown where node:fs throws them. */
import { expect, test } from 'vitest'
import { compare, forms, openSides, type Step } from './differential.ts'

const values: unknown[] = [
  undefined,
  null,
  5,
  -1,
  1.5,
  Number.NaN,
  2 ** 33,
  true,
  'nul\0byte',
  {},
  [],
  () => {},
  10n,
  Symbol.iterator,
]
/** Functions of a path, and what else they take. */
const onPath: Record<string, readonly unknown[]> = {
  access: [],
  chmod: [0o644],
  chown: [0, 0],
  copyFile: ['x'],
  lchown: [0, 0],
  link: ['x'],
  lstat: [],
  lutimes: [1, 1],
  mkdir: [],
  mkdtemp: [],
  open: ['r'],
  opendir: [],
  readdir: [],
  readlink: [],
  realpath: [],
  rename: ['x'],
  rm: [],
  rmdir: [],
  stat: [],
  statfs: [],
  symlink: ['x'],
  truncate: [],
  unlink: [],
  utimes: [1, 1],
}

const wrongPaths: Step[] = Object.entries(onPath).flatMap(([name, rest]) =>
  values
    .filter((value) => typeof value !== 'function' && typeof value !== 'string')
    // A number is a descriptor to the older form of truncate.
    .filter((value) => !(name === 'truncate' && typeof value === 'number'))
    // The older realpath makes a string of anything.
    .filter(() => name !== 'realpath')
    .map((value): Step => [name, () => [value, ...rest]]),
)
const nulPaths: Step[] = Object.entries(onPath)
  .filter(([name]) => name !== 'symlink')
  .map(([name, rest]): Step => [name, (at) => [at('a\0b'), ...rest]])

const wrongSecond: Step[] = [
  'access',
  'chmod',
  'chown',
  'mkdir',
  'rename',
  'copyFile',
  'truncate',
  'utimes',
  'lutimes',
  'readFile',
  'readdir',
  'readlink',
  'rm',
  'writeFile',
].flatMap((name) =>
  values.filter((value) => typeof value !== 'function').map((value): Step => [name, (at) => [at('file'), value]]),
)

const options: Step[] = [
  ['readFile', (at) => [at('file'), { encoding: 'nonsense' }]],
  ['readFile', (at) => [at('file'), 'nonsense']],
  ['readFile', (at) => [at('file'), { flag: 'nonsense' }]],
  ['readFile', (at) => [at('file'), { signal: 5 }]],
  ['writeFile', (at) => [at('file'), 'x', { mode: 'nonsense' }]],
  ['writeFile', (at) => [at('file'), 'x', { flush: 5 }]],
  ['writeFile', (at) => [at('file'), 'x', { encoding: 'nonsense' }]],
  ['mkdir', (at) => [at('new'), { recursive: 5 }]],
  ['mkdir', (at) => [at('new'), { mode: '8' }]],
  ['mkdir', (at) => [at('new'), '8']],
  ['rm', (at) => [at('file'), { recursive: 'yes' }]],
  ['rm', (at) => [at('file'), { maxRetries: -1 }]],
  ['open', (at) => [at('file'), 'rw']],
  ['open', (at) => [at('file'), 'r', 'x']],
  ['open', (at) => [at('file'), 2 ** 31]],
  ['chmod', (at) => [at('file'), '9']],
  ['chmod', (at) => [at('file'), '644']],
  ['chown', (at) => [at('file'), 1, 'x']],
  ['symlink', (at) => ['a', at('s'), 'nonsense']],
  ['utimes', (at) => [at('file'), 'x', 1]],
  ['utimes', (at) => [at('file'), '1', '2.5']],
  ['copyFile', (at) => [at('file'), at('copy'), 8]],
  ['copyFile', (at) => [at('file'), at('copy'), 'x']],
  ['readdir', (at) => [at(''), { encoding: 'nonsense' }]],
  ['stat', () => [new URL('http://host/path')]],
  ['stat', () => [new URL('file://host/path')]],
  ['stat', () => [new URL('file:///a%2fb')]],
  ['stat', () => [new URL('file:///a%00b')]],
]

test.each(forms)('%s', (form) => {
  const steps: Step[] = [
    ['writeFile', (at) => [at('file'), 'content']],
    ...wrongPaths,
    ...nulPaths,
    ...wrongSecond,
    ...options,
  ]
  return compare(
    form,
    // What succeeds answers objects of either side: not compared here.
    steps.filter(([name]) => !(name === 'open' && form === 'promises')),
  )
})

test('descriptors', async () => {
  const { real, ours, close } = await openSides()
  const calls = [
    'fstat',
    'fsync',
    'fdatasync',
    'ftruncate',
    'close',
    'fchmod',
    'fchown',
    'futimes',
    'read',
    'write',
    'readv',
    'writev',
  ]
  const said = (fs: Record<string, (...args: unknown[]) => unknown>, name: string, args: unknown[]): unknown => {
    try {
      fs[`${name}Sync`](...args)
      return 'done'
    } catch (error) {
      const { code, message, syscall } = error as NodeJS.ErrnoException
      return { code, syscall, message: message }
    }
  }
  for (const name of calls) {
    for (const fd of [undefined, null, -1, 1.5, 2 ** 31, 'x', {}, 60_000]) {
      const rest = name.endsWith('v')
        ? [[Buffer.alloc(1)]]
        : name === 'read' || name === 'write'
          ? [Buffer.alloc(1)]
          : [1, 1]
      expect([name, fd, said(ours.fs as never, name, [fd, ...rest])]).toEqual([
        name,
        fd,
        said(real.fs as never, name, [fd, ...rest]),
      ])
    }
  }
  await close()
})
