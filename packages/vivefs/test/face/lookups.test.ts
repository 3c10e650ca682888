/** Paths that need no walk: what is remembered is what the newest commit left, and rights are asked every time. */
import { expect, test } from 'vitest'
import { ViveFS } from 'vivefs'
import { seedOf, withSeed } from '../seed.ts'

const codeOf = (run: () => unknown): unknown => {
  try {
    return run() ?? 'done'
  } catch (error) {
    return (error as { code?: string }).code
  }
}

test('rights on the way, renames, removals and links are seen at once', async () => {
  const vive = await ViveFS.open('memory://', { durability: 'relaxed', owner: { uid: 0, gid: 0 } })
  const { fs } = vive.root
  const other = vive.as({ uid: 12_345, gid: 12_345, umask: 0 }).fs
  fs.mkdirSync('/a/b/c', { recursive: true })
  fs.writeFileSync('/a/b/c/file', 'x')
  const look = (): unknown => codeOf(() => other.statSync('/a/b/c/file').size)
  expect([look(), look()]).toEqual([1, 1])
  fs.chmodSync('/a/b', 0o700)
  expect([look(), codeOf(() => fs.statSync('/a/b/c/file').size)]).toEqual(['EACCES', 1])
  fs.chmodSync('/a/b', 0o711)
  expect(look()).toBe(1)
  fs.writeFileSync('/a/b/c/file', 'longer')
  expect(look()).toBe(6)
  fs.renameSync('/a/b', '/a/moved')
  expect([look(), fs.statSync('/a/moved/c/file').size]).toEqual(['ENOENT', 6])
  fs.mkdirSync('/a/b')
  fs.symlinkSync('../moved/c', '/a/b/c')
  expect(look()).toBe(6)
  fs.unlinkSync('/a/moved/c/file')
  expect([look(), fs.existsSync('/a/moved/c/file')]).toEqual(['ENOENT', false])
  fs.writeFileSync('/a/moved/c/file', 'again')
  expect(look()).toBe(5)
  await vive.close()
  expect([look(), codeOf(() => fs.statSync('/a'))]).toEqual(['ERR_VIVEFS_CLOSED', 'ERR_VIVEFS_CLOSED'])
})

test('names are made where their directory is now, whatever its path led to before', async () => {
  const vive = await ViveFS.open('memory://', { durability: 'relaxed', owner: { uid: 0, gid: 0 } })
  const { fs } = vive.root
  const other = vive.as({ uid: 12_345, gid: 12_345, umask: 0 }).fs
  const write = (view: typeof fs, path: string): unknown => codeOf(() => view.writeFileSync(path, 'x'))
  fs.mkdirSync('/a/b', { recursive: true })
  fs.chmodSync('/a/b', 0o777)
  expect([write(other, '/a/b/first'), write(other, '/a/b/second')]).toEqual(['done', 'done'])
  fs.renameSync('/a/b', '/a/moved')
  expect([write(other, '/a/b/third'), fs.mkdirSync('/a/b', 0o777), write(fs, '/a/b/third')]).toEqual([
    'ENOENT',
    undefined,
    'done',
  ])
  const list = async (path: string) => (await fs.promises.readdir(path)).sort()
  expect([await list('/a/b'), await list('/a/moved')]).toEqual([['third'], ['first', 'second']])
  fs.chmodSync('/a/b', 0o777)
  expect(write(other, '/a/b/fourth')).toBe('done')
  fs.chmodSync('/a', 0o700)
  expect([write(other, '/a/b/fifth'), write(fs, '/a/b/fifth')]).toEqual(['EACCES', 'done'])
  fs.chmodSync('/a', 0o755)
  await fs.promises.rm('/a/b', { recursive: true })
  fs.symlinkSync('moved', '/a/b')
  expect([write(other, '/a/b/sixth'), await list('/a/moved')]).toEqual(['done', ['first', 'second', 'sixth']])
  fs.unlinkSync('/a/b')
  expect(codeOf(() => fs.renameSync('/a/b/sixth', '/a/b/seventh'))).toBe('ENOENT')
  expect(codeOf(() => fs.unlinkSync('/a/b/sixth'))).toBe('ENOENT')
  await vive.close()
})

test('random changes: what is remembered is what a walk finds', async () => {
  const seed = seedOf(6)
  await withSeed(seed, async (random) => {
    const vive = await ViveFS.open('memory://', { durability: 'relaxed' })
    const { fs } = vive
    const names = ['a', 'bcd', 'efgh', 'ééé']
    const path = (): string => `/${Array.from({ length: 1 + random.upTo(3) }, () => random.pick(names)).join('/')}`
    for (let i = 0; i < 1500; i++) {
      const [from, to] = [path(), path()]
      const act = random.upTo(6)
      codeOf(() => {
        if (act === 0) fs.mkdirSync(from)
        else if (act === 1) fs.writeFileSync(from, 'x'.repeat(random.upTo(9)))
        else if (act === 2) fs.renameSync(from, to)
        else if (act === 3) fs.unlinkSync(from)
        else if (act === 4) fs.symlinkSync(to, from)
        else fs.linkSync(from, to)
      })
      for (const at of [from, to]) {
        // A dot on the way makes it walk.
        const walked = codeOf(() => fs.lstatSync(`/.${at}`, { bigint: true }).ctimeNs)
        expect([i, at, codeOf(() => fs.lstatSync(at, { bigint: true }).ctimeNs)]).toEqual([i, at, walked])
        const followed = codeOf(() => fs.statSync(`/.${at}`).ino)
        expect([i, at, codeOf(() => fs.statSync(at).ino)]).toEqual([i, at, followed])
      }
    }
    await vive.close()
  })
  console.log(`lookups: seed ${seed}`)
})

test('a listing is forgotten when a name in it changes, an empty one too', async () => {
  const vive = await ViveFS.open('memory://')
  const fs = vive.fs.promises
  await fs.mkdir('/d')
  for (const [name, act] of [
    ['/d/a', () => fs.mkdir('/d/a')],
    ['/d/b', () => fs.writeFile('/d/b', '')],
  ] as const) {
    const before = await fs.readdir('/d')
    await act()
    expect(await fs.readdir('/d')).toEqual([...before, name.slice(3)].sort())
    await fs.rm(name, { recursive: true })
    expect(await fs.readdir('/d')).toEqual(before)
    await act()
  }
  await vive.close()
})
