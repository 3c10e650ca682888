// Tries what the vault does, as its windows would ask for it. The windows themselves need electron.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { held, withFolder } from '@vivefs-examples/try'
import { answer, Vault } from './vault.mjs'

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
  await vault.close()
  vault = await Vault.open(directory)
  assert.equal((await ask('snapshots'))[0].name, 'before')
  await vault.close()
  held('export, and everything is there after a restart')
})
