/** A repository with something in it. */
import git from 'isomorphic-git'

export const AUTHOR = { name: 'Ada', email: 'ada@example.org' }

/** Makes `/repos/demo` with `files` files in two commits and a branch. Answers what isomorphic-git wants to know to work on it. */
export async function makeRepository(fs, files = 100) {
  const dir = '/repos/demo'
  const repository = { fs, dir, cache: {} }
  await fs.promises.mkdir(dir, { recursive: true })
  await git.init({ ...repository, defaultBranch: 'main' })
  for (let i = 0; i < files; i++) {
    const folder = `src/part-${i % 7}`
    await fs.promises.mkdir(`${dir}/${folder}`, { recursive: true })
    await fs.promises.writeFile(`${dir}/${folder}/file-${i}.txt`, `file ${i}\n`.repeat(i + 1))
  }
  await git.add({ ...repository, filepath: '.' })
  await git.commit({ ...repository, author: AUTHOR, message: 'All the files' })
  await commitFile(repository, 'README.md', '# A repository inside a volume\n', 'Say what it is')
  await git.branch({ ...repository, ref: 'draft' })
  await git.tag({ ...repository, ref: 'v1' })
  return repository
}

export async function commitFile(repository, filepath, content, message) {
  await repository.fs.promises.writeFile(`${repository.dir}/${filepath}`, content)
  await git.add({ ...repository, filepath })
  return await git.commit({ ...repository, author: AUTHOR, message })
}
