// Tries it: isomorphic-git clones from one volume into another, git clones to the disk, pulls and checks.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, held, run, withFolder } from '@vivefs-examples/try'
import git from 'isomorphic-git'
import http from 'isomorphic-git/http/node'
import { ViveFS } from 'vivefs'
import { commitFile, makeRepository } from './demo.mjs'
import { serveGit } from './upload-pack.mjs'

async function tryVolumeToVolume(repository, url) {
  const other = await ViveFS.open('memory://')
  const copy = { fs: other.fs, dir: '/copy', cache: {} }
  await git.clone({ ...copy, http, url, singleBranch: true })
  const files = async ({ fs, dir }) => (await fs.promises.readdir(dir, { recursive: true })).filter(isOfTheTree).sort()
  assert.deepEqual(await files(copy), await files(repository))
  const text = await other.fs.promises.readFile('/copy/src/part-6/file-13.txt', 'utf8')
  assert.equal(text, 'file 13\n'.repeat(14))
  const changed = (await git.statusMatrix(copy)).filter(([, head, work, stage]) => head !== work || work !== stage)
  assert.deepEqual(changed, [])
  await other.close()
  held('isomorphic-git cloned from one volume into another; the status is clean')
}

const isOfTheTree = (name) => !name.startsWith('.git')

async function tryGit(repository, url, folder) {
  if (!has('git')) return
  const environment = { ...process.env, HOME: folder, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' }
  const here = { cwd: folder, env: environment }
  const there = { cwd: join(folder, 'demo'), env: environment }
  await run('git', ['clone', '-q', url, 'demo'], here)
  await run('git', ['fsck', '--strict'], there)
  assert.equal(readFileSync(join(folder, 'demo/src/part-0/file-7.txt'), 'utf8'), 'file 7\n'.repeat(8))
  assert.match(await run('git', ['branch', '-r'], there), /origin\/draft/)
  assert.match(await run('git', ['log', '--oneline'], there), /Say what it is\n.*All the files/)
  held('git cloned it: fsck is clean, branches and log are there')

  const objects = async () => Number.parseInt(await run('git', ['count-objects'], there), 10)
  const before = await objects()
  await commitFile(repository, 'news.md', 'Something new\n', 'News')
  await run('git', ['pull', '-q'], there)
  assert.equal(readFileSync(join(folder, 'demo/news.md'), 'utf8'), 'Something new\n')
  assert.equal(await objects(), before + 3)
  await run('git', ['fsck', '--strict'], there)
  held('git pulled one more commit: three objects came over the line, no more')
}

await withFolder(async (folder) => {
  const vive = await ViveFS.open('memory://')
  const repository = await makeRepository(vive.fs, 50)
  const server = await serveGit(vive.fs, { root: '/repos' })
  const url = `http://127.0.0.1:${server.address().port}/demo/.git`
  assert.equal((await fetch(`${url}/info/refs?service=git-receive-pack`)).status, 403)
  assert.equal((await fetch(`${url}x/info/refs?service=git-upload-pack`)).status, 404)
  await tryVolumeToVolume(repository, url)
  await tryGit(repository, url, folder)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  assert.deepEqual((await vive.fsck()).findings, [])
  await vive.close()
  held('the volume is clean')
})
