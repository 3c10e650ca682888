// Tries it: steps, diffs, undo, branches, rights, audit; with just-bash as the shell of an agent where it is installed.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { held, withFolder } from '@vivefs-examples/try'
import { openShell } from './shell.mjs'
import { tryOverlay } from './try-overlay.mjs'
import { Workspace } from './workspace.mjs'

async function trySteps(workspace, project) {
  const { before, changes } = await workspace.step('ann', async ({ promises: fs }) => {
    await fs.writeFile('src/new.js', 'export const one = 1\n')
    await fs.writeFile('README.md', 'changed\n')
    await fs.rm('old.txt')
  })
  assert.deepEqual(changes.filter((line) => !line.endsWith('/src') && !line.endsWith('/project')).sort(), [
    'added /project/src/new.js',
    'modified /project/README.md',
    'removed /project/old.txt',
  ])
  assert.equal(readFileSync(join(project, 'README.md'), 'utf8'), 'original\n')
  assert.equal(await workspace.readBefore(before, 'README.md'), 'original\n')
  held('a step: what it changed is known, what was before can be read, the real directory is as it was')

  await assert.rejects(
    workspace.step('bob', async ({ promises: fs }) => {
      await fs.writeFile('src/new.js', 'broken')
      throw new Error('gave up')
    }),
    /gave up/,
  )
  const { promises: ann } = await workspace.viewOf('ann')
  assert.equal(await ann.readFile('src/new.js', 'utf8'), 'export const one = 1\n')
  await workspace.undo(before)
  assert.equal(await ann.readFile('README.md', 'utf8'), 'original\n')
  assert.equal(await ann.readFile('old.txt', 'utf8'), 'old\n')
  held('a step that fails changes nothing; one that succeeded can be undone')
}

async function tryBranches(workspace) {
  const write = (text) => async (view) => {
    await view.promises.writeFile('answer', text)
    return view
  }
  const [left, right] = await Promise.all([
    workspace.branch('left', 'ann', write('left')),
    workspace.branch('right', 'bob', write('right')),
  ])
  assert.equal(await left.promises.readFile('answer', 'utf8'), 'left')
  assert.equal(await right.promises.readFile('answer', 'utf8'), 'right')
  const { promises: main } = await workspace.viewOf('ann')
  await assert.rejects(main.readFile('answer'), { code: 'ENOENT' })
  await workspace.dropBranch('left')
  await assert.rejects(left.promises.readFile('answer'), { code: 'ERR_VIVEFS_CLOSED' })
  held('branches: two agents from the same start do not see each other')
}

async function tryRightsAndAudit(workspace) {
  const since = workspace.now
  await assert.rejects(
    workspace.step('bob', ({ promises: fs }) => fs.writeFile('/outside', '')),
    { code: 'EACCES' },
  )
  await workspace.step('bob', ({ promises: fs }) => fs.rename('src', 'lib'))
  const audit = await workspace.audit(since)
  assert.ok(audit.some(({ who, what }) => who === 'bob' && what === 'rename /project/src -> /project/lib'))
  held('rights: nobody writes outside the project; audit: who did what')
}

async function tryQuota(workspace) {
  const much = ({ promises: fs }) => fs.writeFile('much', Buffer.alloc(3_000_000, 1))
  await assert.rejects(workspace.step('greedy', much), { code: 'EDQUOT' })
  const many = async ({ promises: fs }) => {
    for (let i = 0; i < 40; i++) await fs.writeFile(`many-${i}`, '')
  }
  await assert.rejects(workspace.step('greedy', many), { code: 'EDQUOT' })
  await workspace.step('greedy', ({ promises: fs }) => fs.writeFile('some', Buffer.alloc(1_000_000, 1)))
  const { used } = await workspace.quotaOf('greedy')
  assert.ok(used.bytes >= 1_000_000 && used.bytes < 2_000_000 && used.inodes === 1, JSON.stringify(used))
  held('quota: an agent that takes too much is stopped, and its step is undone')
}

async function tryApply(folder) {
  const real = join(folder, 'real')
  mkdirSync(join(real, 'src'), { recursive: true })
  writeFileSync(join(real, 'src/main.js'), 'main()\n')
  writeFileSync(join(real, 'gone.txt'), '')
  const applied = await Workspace.open('memory://', { from: real })
  const { before } = await applied.step('ann', async ({ promises: fs }) => {
    await fs.rename('src', 'lib')
    await fs.writeFile('lib/new.js', 'new')
    await fs.rm('gone.txt')
    await fs.symlink('lib/new.js', 'newest')
    await fs.symlink('/etc/passwd', 'secrets')
    await fs.symlink('../../outside', 'lib/up')
  })
  assert.deepEqual((await applied.apply(before, real)).sort(), ['/project/lib/up', '/project/secrets'])
  assert.equal(readFileSync(join(real, 'lib/main.js'), 'utf8'), 'main()\n')
  assert.equal(readFileSync(join(real, 'newest'), 'utf8'), 'new')
  for (const name of ['src', 'gone.txt', 'secrets', 'lib/up']) assert.ok(!existsSync(join(real, name)), name)
  await applied.close()
  held('what was wanted is taken over into the real directory; links that lead out of it are not')
}

async function tryShell(workspace) {
  const shell = await openShell(await workspace.viewOf('ann'))
  if (shell === undefined) return console.log('- skipped: just-bash is not installed')
  const { stdout, stderr, exitCode } = await shell.exec(
    'mkdir -p notes && echo "hello" > notes/a && cat notes/a | tr a-z A-Z && ls',
  )
  assert.equal(exitCode, 0, stderr)
  assert.match(stdout, /HELLO\nREADME\.md\n/)
  assert.notEqual((await shell.exec('touch /outside')).exitCode, 0)
  await assert.rejects(shell.exec('echo x > /outside'), { code: 'EACCES' })
  held('a bash in JavaScript works in the volume, with the rights of its agent')
}

await withFolder(async (folder) => {
  const project = join(folder, 'project')
  mkdirSync(join(project, 'src'), { recursive: true })
  writeFileSync(join(project, 'README.md'), 'original\n')
  writeFileSync(join(project, 'old.txt'), 'old\n')
  writeFileSync(join(project, 'src/main.js'), 'main()\n')
  const workspace = await Workspace.open(join(folder, 'workspace.vive'), {
    from: project,
    quota: { bytesHard: 2_000_000, inodesHard: 20 },
  })
  await trySteps(workspace, project)
  await tryBranches(workspace)
  await tryRightsAndAudit(workspace)
  await tryQuota(workspace)
  await tryApply(folder)
  await tryShell(workspace)
  assert.deepEqual((await workspace.fsck()).findings, [])
  await workspace.close()
  held('the volume is clean')
  await tryOverlay(folder)
})
