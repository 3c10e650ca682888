// Tries what the vault does, as its windows would ask for it, and the main process with a stand-in for Electron. The windows themselves need it.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { held, run, withFolder } from '@vivefs-examples/try'
import { answer, Vault } from './vault.mjs'

/** The main process as it is, asked over IPC: `[number of the window, channel, ...]`. */
async function tryMain(folder) {
  const here = fileURLToPath(new URL('.', import.meta.url))
  const source = join(folder, 'dropped.txt')
  writeFileSync(source, 'dropped')
  const questions = [
    [0, 'vault', 'take', { sources: [source], path: '/' }],
    [0, 'vault', 'takeSnapshot', { name: 'noon' }],
    [0, 'vault:window', 'noon'],
    [0, 'vault', 'remove', { path: '/dropped.txt' }],
    [0, 'vault', 'list', { path: '/' }],
    [1, 'vault', 'list', { path: '/' }],
    [1, 'vault', 'remove', { path: '/dropped.txt' }],
  ]
  const env = { ...process.env, QUESTIONS: JSON.stringify(questions), USER_DATA: folder }
  const printed = await run(process.execPath, ['--import', './stand-in.mjs', 'main.mjs'], { cwd: here, env })
  const { answers, windows } = JSON.parse(printed)
  assert.deepEqual(answers[4].value, [])
  assert.deepEqual(
    answers[5].value.map(({ name }) => name),
    ['dropped.txt'],
  )
  assert.equal(answers[6].error.code, 'EPERM')
  for (const { sandbox, contextIsolation } of windows) assert.ok(sandbox && contextIsolation)
  assert.deepEqual(
    windows.map(({ query }) => query),
    [{}, { snapshot: 'noon' }],
  )
  // It had closed the vault before it ended.
  const vault = await Vault.open(join(folder, 'vault.vive'))
  await vault.close()
  held(
    'the main process: a second window gets the snapshot and no way to change it; the vault is closed before quitting',
  )
}

await withFolder(tryMain)
await withFolder(async (folder) => {
  const source = join(folder, 'photos')
  mkdirSync(join(source, 'summer'), { recursive: true })
  writeFileSync(join(source, 'summer/note.txt'), 'by the sea\n')
  writeFileSync(join(source, 'list.txt'), 'x'.repeat(100_000))

  const directory = join(folder, 'vault.vive')
  let vault = await Vault.open(directory)
  const ask = async (request, args, more) => (await answer(vault, { request, args, ...more })).value
  const refusal = async (request, args, more) => (await answer(vault, { request, args, ...more })).error?.code
  const progress = []
  const onProgress = (one) => progress.push(one)
  assert.deepEqual(await ask('take', { sources: [source], path: '/' }, { onProgress }), ['/photos'])
  assert.ok(progress.length > 0)
  assert.deepEqual(
    (await ask('list', { path: '/photos' })).map(({ name, isDirectory }) => [name, isDirectory]),
    [
      ['summer', true],
      ['list.txt', false],
    ],
  )
  const { text, isWhole } = await ask('preview', { path: '/photos/list.txt' })
  assert.deepEqual([text.length, isWhole], [65_536, false])
  held('what is dropped is taken in; lists and previews')

  await ask('takeSnapshot', { name: 'before' })
  await ask('remove', { path: '/photos' })
  const window = { snapshot: 'before' }
  assert.equal((await ask('preview', { path: '/photos/summer/note.txt' }, window)).text, 'by the sea\n')
  assert.equal(await refusal('remove', { path: '/photos' }, window), 'EPERM')
  assert.equal(await refusal('list', { path: '/photos' }), 'ENOENT')
  await ask('rollback', { name: 'before' })
  assert.equal((await ask('list', { path: '/photos' })).length, 2)
  held('a second window looks at a snapshot and changes nothing; rollback')

  assert.equal(await refusal('constructor', {}), 'EPERM')
  assert.equal(await refusal('list', { path: '/../../photos/\0' }), undefined)
  assert.equal((await answer(vault, { request: 'list', args: { path: 7 } })).error.message, 'path must be a text')
  await assert.rejects(Vault.open(directory), { code: 'ERR_VIVEFS_LOCKED' })
  held('what no window may ask is refused; a second program is told who has the vault')

  await ask('give', { path: '/photos', to: join(folder, 'out') })
  assert.equal(readFileSync(join(folder, 'out/summer/note.txt'), 'utf8'), 'by the sea\n')
  await ask('give', { path: '/photos/summer/note.txt', to: join(folder, 'note.txt') })
  assert.equal(readFileSync(join(folder, 'note.txt'), 'utf8'), 'by the sea\n')
  assert.equal(await refusal('give', { path: '/photos/list.txt', to: join(folder, 'note.txt') }), 'EEXIST')
  await vault.close()
  vault = await Vault.open(directory)
  assert.equal((await ask('snapshots'))[0].name, 'before')
  await vault.close()
  held('export, and everything is there after a restart')
})
