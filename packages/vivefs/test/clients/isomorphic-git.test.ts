/** isomorphic-git, unmodified, with its work tree and repository in a volume. */
import git from 'isomorphic-git'
import { expect, test } from 'vitest'
import { openMemory } from './volumes.ts'

const FILES = 500
const author = { name: 'Somebody', email: 'somebody@example.org' }

test('init, 500 files, commit, branch, checkout, status, log', { timeout: 120_000 }, async () => {
  const vive = await openMemory()
  const { fs } = vive
  const dir = '/work'
  const repo = { fs, dir, cache: {} }
  await fs.promises.mkdir(dir)
  await git.init({ ...repo, defaultBranch: 'main' })
  const names = Array.from({ length: FILES }, (_, i) => `d${i % 20}/s${i % 3}/file-${i}.txt`)
  for (const name of names) {
    await fs.promises.mkdir(`${dir}/${name.slice(0, name.lastIndexOf('/'))}`, { recursive: true })
    await fs.promises.writeFile(`${dir}/${name}`, `content of ${name}\n`)
  }
  await fs.promises.symlink('d0', `${dir}/link`)
  await git.add({ ...repo, filepath: '.' })
  const first = await git.commit({ ...repo, author, message: 'all of it' })

  await git.branch({ ...repo, ref: 'other', checkout: true })
  await fs.promises.writeFile(`${dir}/${names[7]}`, 'changed\n')
  await fs.promises.unlink(`${dir}/${names[8]}`)
  await fs.promises.writeFile(`${dir}/new.txt`, 'new\n')
  await git.add({ ...repo, filepath: [names[7], 'new.txt'] })
  await git.remove({ ...repo, filepath: names[8] })
  const second = await git.commit({ ...repo, author, message: 'changes' })

  await git.checkout({ ...repo, ref: 'main' })
  expect(await fs.promises.readFile(`${dir}/${names[7]}`, 'utf8')).toBe(`content of ${names[7]}\n`)
  expect(await fs.promises.readFile(`${dir}/${names[8]}`, 'utf8')).toBe(`content of ${names[8]}\n`)
  await expect(fs.promises.stat(`${dir}/new.txt`)).rejects.toMatchObject({ code: 'ENOENT' })
  await git.checkout({ ...repo, ref: 'other' })
  expect(await fs.promises.readFile(`${dir}/new.txt`, 'utf8')).toBe('new\n')
  expect((await fs.promises.lstat(`${dir}/link`)).isSymbolicLink()).toBe(true)

  const rows = await git.statusMatrix({ ...repo })
  expect(rows.length).toBe(FILES + 1)
  expect(rows.filter(([, head, work, stage]) => head !== 1 || work !== 1 || stage !== 1)).toEqual([])
  await fs.promises.appendFile(`${dir}/${names[3]}`, 'more')
  expect(await git.status({ ...repo, filepath: names[3] })).toBe('*modified')
  expect((await git.log({ ...repo })).map(({ oid, commit }) => [oid, commit.message])).toEqual([
    [second, 'changes\n'],
    [first, 'all of it\n'],
  ])
  expect((await git.listBranches({ ...repo })).sort()).toEqual(['main', 'other'])
  const { findings } = await vive.fsck()
  expect(findings).toEqual([])
  await vive.close()
})
