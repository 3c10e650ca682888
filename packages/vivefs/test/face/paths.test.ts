/** Every function by path, on what is there and on what is not: results and errors as of node:fs. */
import { constants } from 'node:fs'
import { describe, test } from 'vitest'
import { compare, compareCases, type Form, forms, type Step } from './differential.ts'

/** The tree that the cases work on. */
const tree: Step[] = [
  ['mkdir', (at) => [at('dir')]],
  ['mkdir', (at) => [at('dir/inner')]],
  ['mkdir', (at) => [at('empty')]],
  ['writeFile', (at) => [at('file'), 'content']],
  ['writeFile', (at) => [at('dir/file'), 'inner content']],
  ['symlink', (at) => ['file', at('link')]],
  ['symlink', (at) => ['dir', at('dirlink')]],
  ['symlink', (at) => ['nowhere', at('dangling')]],
  ['symlink', (at) => ['loop', at('loop')]],
  ['symlink', (at) => [at('dir/file'), at('absolute')]],
]

/** Names that lead to something in every way that a name can. */
const names = [
  'file',
  'file/',
  'file/x',
  'dir',
  'dir/',
  'dir/.',
  'dir/..',
  'dir/inner/..',
  'dir//file',
  './file',
  'empty',
  'link',
  'link/',
  'link/x',
  'dirlink',
  'dirlink/',
  'dirlink/file',
  'dirlink/..',
  'dangling',
  'dangling/',
  'dangling/x',
  'loop',
  'loop/',
  'loop/x',
  'absolute',
  'none',
  'none/',
  'none/x',
  'x'.repeat(255),
  'x'.repeat(256),
  `dir/${'x'.repeat(256)}/y`,
  'x/'.repeat(2100),
]

const each = (name: string, rest: (at: (name: string) => string) => unknown[] = () => []): Step[] =>
  names.map((below) => [name, (at) => [at(below), ...rest(at)]])

const { R_OK, W_OK, X_OK, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants

const reading: Step[] = [
  ...each('stat'),
  ...each('lstat'),
  ...each('access'),
  ...each('access', () => [R_OK | W_OK]),
  ...each('access', () => [X_OK]),
  ...each('readFile'),
  ...each('readFile', () => ['utf8']),
  ...each('readFile', () => [{ encoding: 'base64' }]),
  ...each('readdir'),
  ...each('readdir', () => [{ withFileTypes: true }]),
  ...each('readdir', () => ['buffer']),
  ...each('readlink'),
  ...each('readlink', () => ['buffer']),
  ...each('realpath'),
  ...each('chmod', () => [0o640]),
  ...each('chown', () => [process.getuid?.() ?? 0, process.getgid?.() ?? 0]),
  ...each('lchown', () => [-1, -1]),
  ...each('utimes', () => [1000.5, new Date(2_000_000)]),
  ...each('lutimes', () => [1000, 2000]),
  ['stat', (at) => [Buffer.from(at('file'))]],
  ['stat', (at) => [new URL(`file://${at('file')}`)]],
  ['stat', (at) => [new URL(`file://${at('%66ile')}`)]],
  ['stat', (at) => [Buffer.from(at('none'))]],
]

/** Makes something at every name, then takes it away where it was made. */
const making = (name: string, rest: (at: (name: string) => string) => unknown[]): Step[] => [
  ...tree,
  ...names.flatMap((below): Step[] => [
    [name, (at) => [at(below), ...rest(at)]],
    ['lstat', (at) => [at(below)]],
    ['rm', (at) => [at('none'), { recursive: true, force: true }]],
    ['rm', (at) => [at('nowhere'), { recursive: true, force: true }]],
    ['rm', (at) => [at('x'.repeat(255)), { recursive: true, force: true }]],
  ]),
]

const left: Step[] = [
  ['readdir', (at) => [at(''), { withFileTypes: true }]],
  ['readdir', (at) => [at('dir')]],
  ['readFile', (at) => [at('file'), 'utf8']],
]

/** Each case on a tree that no other has changed. */
const compareFresh = (form: Form, cases: Step[]): Promise<void> => compareCases(form, tree, cases, left)

const ends = [
  'file',
  'file/',
  'dir',
  'dir/',
  'empty',
  'link',
  'dirlink/',
  'dangling',
  'none',
  'none/',
  'none/x',
  'dir/inner',
  '.',
  'dir/..',
  'file/x',
]
/** libuv truncates and removes the target when the source is a directory; we leave it alone. */
const isSpared = (name: string, from: string, to: string): boolean =>
  name === 'copyFile' && /^(dir|empty|\.)/.test(from) && ['file', 'link', 'dangling'].includes(to)

const pairs = (name: string, ...rest: unknown[]): Step[] =>
  ends.flatMap((from) =>
    ends.filter((to) => !isSpared(name, from, to)).map((to): Step => [name, (at) => [at(from), at(to), ...rest]]),
  )

test.each(forms)('%s: what only looks', (form) => compare(form, [...tree, ...reading]))

// The callback form drives the same operations.
describe.each(['promises', 'sync'] as const)('%s', (form) => {
  test('mkdir', () =>
    compare(
      form,
      making('mkdir', () => []),
    ))
  test('mkdir recursive', () =>
    compare(
      form,
      making('mkdir', () => [{ recursive: true }]),
    ))
  test('symlink', () =>
    compareFresh(
      form,
      ends.map((to): Step => ['symlink', (at) => ['target', at(to)]]),
    ))
  test('open', () =>
    compareFresh(
      form,
      names.flatMap((below) =>
        [
          'w',
          'wx',
          'a',
          'r+',
          O_RDONLY | O_CREAT,
          O_RDONLY | O_NOFOLLOW,
          O_RDWR | O_CREAT | O_NOFOLLOW,
          O_RDONLY | O_DIRECTORY,
          O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
          O_RDONLY | O_TRUNC,
        ].map((flag): Step => ['writeFile', (at) => [at(below), 'new content', { flag }]]),
      ),
    ))
  test('reading through flags', () =>
    compareFresh(
      form,
      names.flatMap((below) =>
        ['r', 'a+', 'w+', 'wx+', O_DIRECTORY, O_NOFOLLOW, O_CREAT].map(
          (flag): Step => ['readFile', (at) => [at(below), { flag, encoding: 'utf8' }]],
        ),
      ),
    ))
  test('unlink, rmdir, rm, truncate', () =>
    compareFresh(
      form,
      names.flatMap((below): Step[] => [
        ['unlink', (at) => [at(below)]],
        ['rmdir', (at) => [at(below)]],
        ['truncate', (at) => [at(below), 3]],
        ['appendFile', (at) => [at(below), 'more']],
      ]),
    ))
  test('rm', () =>
    compareFresh(
      form,
      names
        .filter((below) => !below.includes('..') && below !== 'dirlink/')
        .flatMap((below): Step[] => [
          ['rm', (at) => [at(below)]],
          ['rm', (at) => [at(below), { force: true }]],
          ['rm', (at) => [at(below), { recursive: true }]],
        ]),
    ))
  test('rename', () => compareFresh(form, pairs('rename')))
  test('link', () => compareFresh(form, pairs('link')))
  test('copyFile', () => compareFresh(form, pairs('copyFile')))
  test('copyFile exclusively', () => compareFresh(form, pairs('copyFile', constants.COPYFILE_EXCL)))
})
