// Tries it: steps, diffs, undo, branches, rights, audit; with just-bash as the shell of an agent where it is installed.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { held, withFolder } from '@vivefs-examples/try'
import { openShell } from './shell.mjs'
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
  const workspace = await Workspace.open(join(folder, 'workspace.vive'), { from: project })
  await trySteps(workspace, project)
  await tryBranches(workspace)
  await tryRightsAndAudit(workspace)
  await tryShell(workspace)
  assert.deepEqual((await workspace.fsck()).findings, [])
  await workspace.close()
  held('the volume is clean')
})
