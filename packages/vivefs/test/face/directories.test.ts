/** Dir, readdir and cp beside node's. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { compare, compareCases, forms, openSides, type Side, type Step } from './differential.ts'

let sides: Awaited<ReturnType<typeof openSides>>
beforeEach(async () => {
  sides = await openSides()
})
afterEach(() => sides.close())

async function same(scenario: (side: Side, seen: (what: unknown) => void) => Promise<void>): Promise<void> {
  const observe = async (side: Side): Promise<unknown[]> => {
    const seen: unknown[] = []
    await scenario(side, (what) => seen.push(what))
    return seen
  }
  const real = await observe(sides.real)
  expect(await observe(sides.ours)).toEqual(real)
}

const refusal = async (call: () => unknown): Promise<unknown> => {
  try {
    return await call()
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException
    return { name, code, message }
  }
}

test('Dir: reading, iterating, closing', () =>
  same(async ({ fs, root }, seen) => {
    for (let i = 0; i < 100; i++) await fs.promises.writeFile(`${root}/f${i}`, '')
    await fs.promises.mkdir(`${root}/d`)
    const names: string[] = []
    const dir = await fs.promises.opendir(root)
    seen(dir.path === root)
    for await (const entry of dir) names.push(`${entry.name} ${entry.isFile()} ${entry.parentPath === root}`)
    seen(names.sort())
    seen(await refusal(() => dir.read()))
    seen(await refusal(() => dir.close()))
    seen(await refusal(() => dir.readSync()))
    seen(await refusal(() => dir.closeSync()))
    const again = await fs.promises.opendir(root, { bufferSize: 7 })
    let count = 0
    while ((await again.read()) !== null) count++
    seen(count)
    seen(await again.read())
    await again.close()
    const concurrent = await fs.promises.opendir(root)
    const some = await Promise.all(Array.from({ length: 110 }, () => concurrent.read()))
    seen(some.filter((entry) => entry === null).length)
    seen(new Set(some.map((entry) => entry?.name)).size)
    await concurrent.close()
    const called = await fs.promises.opendir(root)
    seen(await new Promise((resolve) => called.read((error, entry) => resolve([error, entry === null]))))
    seen(await new Promise((resolve) => called.close((error) => resolve(error ?? null))))
  }))

const tree: Step[] = [
  ['mkdir', (at) => [at('src/a/b'), { recursive: true }]],
  ['mkdir', (at) => [at('src/empty')]],
  ['writeFile', (at) => [at('src/f'), 'f']],
  ['writeFile', (at) => [at('src/a/g'), 'g']],
  ['writeFile', (at) => [at('src/a/b/h'), 'h', { mode: 0o755 }]],
  ['symlink', (at) => ['f', at('src/relative')]],
  ['symlink', (at) => [at('src/f'), at('src/absolute')]],
  ['writeFile', (at) => [at('other'), 'other']],
  ['mkdir', (at) => [at('dst')]],
  ['writeFile', (at) => [at('dst/f'), 'older']],
]

const listing: Step[] = [
  ['readdir', (at) => [at('src'), { withFileTypes: true }]],
  ['readdir', (at) => [at('src'), { encoding: 'buffer' }]],
  ['readdir', (at) => [at('src'), { encoding: 'hex' }]],
]

test('recursive listings hold the same', () =>
  same(async ({ fs, root }, seen) => {
    await fs.promises.mkdir(`${root}/a/b/c`, { recursive: true })
    await fs.promises.writeFile(`${root}/a/b/f`, '')
    await fs.promises.writeFile(`${root}/é`, '')
    await fs.promises.writeFile(`${root}/z`, '')
    seen((await fs.promises.readdir(root, { recursive: true })).sort())
    const entries = await fs.promises.readdir(root, { recursive: true, withFileTypes: true })
    seen(entries.map((entry) => `${entry.parentPath.slice(root.length)} ${entry.name} ${entry.isDirectory()}`).sort())
    seen(await fs.promises.readdir(root))
    const dir = await fs.promises.opendir(root, { recursive: true })
    const names: string[] = []
    for await (const entry of dir) names.push(entry.name)
    seen(names.sort())
  }))

const filter = (from: string): boolean => !from.endsWith('/g')
const copying: Step[] = (
  [
    [{}],
    [{ recursive: true }],
    [{ recursive: true, force: false }],
    [{ recursive: true, force: false, errorOnExist: true }],
    [{ recursive: true, filter }],
    [{ recursive: true, dereference: true }],
    [{ recursive: true, verbatimSymlinks: true }],
    [{ recursive: true, preserveTimestamps: true }],
    [{ recursive: 5 }],
    [5],
    [{ dereference: true, verbatimSymlinks: true }],
    [{ mode: 1, recursive: true }],
  ] as unknown[][]
).flatMap((options): Step[] =>
  (
    [
      ['src', 'dst'],
      ['src', 'new/deep'],
      ['src/f', 'dst'],
      ['src', 'other'],
      ['src', 'src'],
      ['src', 'src/a/below'],
      ['src/f', 'other'],
      ['none', 'dst'],
      ['src/relative', 'dst/link'],
    ] as const
  )
    // Which entries come before the one that is there is up to the directory.
    .filter(
      ([from, to]) => !((options[0] as { errorOnExist?: boolean }).errorOnExist && from === 'src' && to === 'dst'),
    )
    .flatMap(([from, to]): Step[] => [['cp', (at) => [at(from), at(to), ...options]]]),
)

/** What a copy is looked at by. */
const copied: Step[] = [
  ...['dst', 'new', 'new/deep', 'new/deep/a', 'dst/a', 'dst/a/b', 'src/a'].map(
    (name): Step => ['readdir', (at) => [at(name), { withFileTypes: true }]],
  ),
  ...['dst/f', 'dst/a/g', 'other', 'dst/a/b/h'].map((name): Step => ['readFile', (at) => [at(name), 'utf8']]),
  ...['dst/relative', 'dst/absolute', 'dst/link', 'new/deep/relative'].map(
    (name): Step => ['readlink', (at) => [at(name)]],
  ),
  ...['dst/a/b/h', 'new/deep/a/b'].map((name): Step => ['stat', (at) => [at(name)]]),
]

test.each(forms)('%s: listing', (form) => compare(form, [...tree, ...listing]))
test('promises: cp', () => compareCases('promises', tree, copying, copied))
// From Node 22 on cpSync is another implementation, with other texts and without the fields of SystemError.
test.runIf(process.versions.node.startsWith('20.'))('sync: cp', () => compareCases('sync', tree, copying, copied))
