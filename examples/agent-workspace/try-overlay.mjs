// Tries what looking through to a real directory promises.
import assert from 'node:assert/strict'
import * as host from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { held } from '@vivefs-examples/try'
import { ViveFS } from 'vivefs'
import { openShell } from './shell.mjs'
import { Workspace } from './workspace.mjs'

const binary = (length, seed) =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 17 + seed) & 255))
const BIG_BYTES = 21_000_001
const everything = {
  binary: binary(100_000, 1),
  'to-append': Buffer.from('begin\n'),
  'to-cut': Buffer.from('0123456789'),
  'to-copy': Buffer.from('copied'),
  'to-rename': Buffer.from('renamed'),
  'deep/er/file': Buffer.from('deep'),
  'deep/er/other': Buffer.from('other'),
  empty: Buffer.alloc(0),
}

function plant(directory) {
  for (const [name, bytes] of Object.entries(everything)) {
    host.mkdirSync(join(directory, name, '..'), { recursive: true })
    host.writeFileSync(join(directory, name), bytes)
  }
  host.chmodSync(join(directory, 'binary'), 0o755)
  host.writeFileSync(join(directory, 'big'), binary(BIG_BYTES, 5))
  host.symlinkSync('deep/er/file', join(directory, 'link'))
  host.linkSync(join(directory, 'binary'), join(directory, 'second-name'))
}

/** What must not change in the real directory. */
const stateOf = (directory) =>
  host
    .readdirSync(directory, { recursive: true })
    .sort()
    .map((name) => {
      const { ino, mode, size, mtimeNs, ctimeNs } = host.lstatSync(join(directory, name), { bigint: true })
      return `${name} ${ino} ${mode} ${size} ${mtimeNs} ${ctimeNs}`
    })

async function tryManyFiles(folder) {
  const many = join(folder, 'many')
  const FILES = 10_000
  for (let i = 0; i < FILES; i++) {
    if (i % 100 === 0) host.mkdirSync(join(many, `d${i / 100}`), { recursive: true })
    const path = join(many, `d${Math.floor(i / 100)}`, `f${i}`)
    host.writeFileSync(path, `${i}`)
    host.truncateSync(path, 100_000)
  }
  const [beginMs, cpu] = [performance.now(), process.cpuUsage()]
  const workspace = await Workspace.open(join(folder, 'many.vive'), { from: many })
  const { promises: fs } = await workspace.viewOf('ann')
  assert.equal((await fs.readdir('.', { recursive: true })).length, FILES + 100)
  const openedMs = performance.now() - beginMs
  const { user, system } = process.cpuUsage(cpu)
  assert.deepEqual({ size: 100_000, blocks: 0 }, pick(await fs.stat('d77/f7777'), 'size', 'blocks'))
  assert.equal((await fs.readFile('d77/f7777', 'latin1')).slice(0, 5), '7777\0')
  assert.equal((await fs.stat('d77/f7778')).blocks, 0)
  await workspace.close()
  held(
    `a directory of 1 GB in ${FILES} files is there, and listed, in ${Math.round(openedMs)} ms (${Math.round((user + system) / 1000)} of processor time); of one that is read no other comes`,
  )
}

const pick = (object, ...names) => Object.fromEntries(names.map((name) => [name, object[name]]))

/** Every way to read, each on a file that nobody touched yet. */
async function tryReading(workspace) {
  const read = await workspace.step('ann', async (fs) => {
    const same = await Promise.all(Array.from({ length: 8 }, () => fs.promises.readFile('binary')))
    for (const bytes of same) assert.ok(bytes.equals(everything.binary))
    assert.ok((await fs.promises.readFile('second-name')).equals(everything.binary))
    assert.equal(await fs.promises.readFile('link', 'utf8'), 'deep')
    assert.equal(await promisify(fs.readFile)('deep/er/other', 'utf8'), 'other')
    assert.equal(fs.readFileSync('to-rename', 'utf8'), 'renamed')
    assert.equal(await text(fs.createReadStream('to-copy', 'utf8')), 'copied')
    assert.equal(await text(new fs.ReadStream('to-append')), 'begin\n')
    const blob = await fs.openAsBlob('to-cut')
    assert.equal(await blob.text(), '0123456789')
    const handle = await fs.promises.open('big')
    const { buffer } = await handle.read(Buffer.alloc(1000), 0, 1000, BIG_BYTES - 1000)
    assert.ok(buffer.equals(binary(BIG_BYTES, 5).subarray(-1000)))
    await handle.close()
    assert.equal((await fs.promises.readFile('empty')).length, 0)
    const { mode, nlink } = await fs.promises.stat('binary')
    assert.deepEqual([mode & 0o777, nlink], [0o770, 2])
  })
  assert.deepEqual(read.changes, [])
  held(
    'binary and big files, links, second names and modes are read through, by promises, callbacks, streams and at once; no read is a change',
  )
}

async function tryWriting(workspace) {
  const { before, changes } = await workspace.step('ann', async (fs) => {
    await fs.promises.appendFile('to-append', 'end\n')
    fs.truncateSync('to-cut', 5)
    const handle = await fs.promises.open('deep/er/file', 'r+')
    await handle.write('D', 0)
    await handle.close()
    await fs.promises.cp('deep', 'copy', { recursive: true })
    await fs.promises.copyFile('to-copy', 'copied')
    await fs.promises.rename('to-rename', 'renamed')
    await fs.promises.rm('empty')
    await fs.promises.chmod('copied', 0o600)
    await fs.promises.readFile('binary')
    await assert.rejects(fs.promises.open('binary', 'wx'), { code: 'EEXIST' })
  })
  assert.deepEqual(
    changes.filter((line) => line !== 'modified /project'),
    [
      'added /project/copied',
      'added /project/copy',
      'added /project/copy/er',
      'added /project/copy/er/file',
      'added /project/copy/er/other',
      'added /project/renamed',
      'modified /project/deep/er/file',
      // What moved has a new change time.
      'modified /project/renamed',
      'modified /project/to-append',
      'modified /project/to-cut',
      'removed /project/empty',
      'removed /project/to-rename',
    ],
  )
  const { promises: fs } = await workspace.viewOf('bob')
  const now = {
    'to-append': 'begin\nend\n',
    'to-cut': '01234',
    'deep/er/file': 'Deep',
    'copy/er/file': 'Deep',
    renamed: 'renamed',
  }
  for (const [name, expected] of Object.entries(now)) assert.equal(await fs.readFile(name, 'utf8'), expected, name)
  assert.equal(await workspace.readBefore(before, 'deep/er/file'), 'deep')
  assert.equal(await workspace.readBefore(before, 'to-append'), 'begin\n')
  held(
    'a write is a change of the workspace alone; copies, renames and deletions are its own; what was before is read through a snapshot',
  )
}

async function tryTheRest(workspace, since) {
  const audit = await workspace.audit(since)
  assert.ok(audit.every(({ who }) => who === 'ann'))
  const { used } = await workspace.quotaOf('bob')
  assert.equal(used.bytes, 0)
  held('the audit knows agents only, and who reads is charged for nothing')
  const branched = await workspace.branch('trial', 'bob', async (fs) => {
    assert.ok((await fs.promises.readFile('binary')).equals(everything.binary))
    await fs.promises.writeFile('to-copy', 'otherwise')
    return fs
  })
  assert.equal(await branched.promises.readFile('to-copy', 'utf8'), 'otherwise')
  assert.equal(await (await workspace.viewOf('bob')).promises.readFile('to-copy', 'utf8'), 'copied')
  await workspace.dropBranch('trial')
  held('branches look through, too')
  const shell = await openShell(await workspace.viewOf('bob'))
  if (shell !== undefined) {
    const { stdout } = await shell.exec('cat link | tr a-z A-Z; echo; grep -c begin to-append; wc -c < big')
    assert.deepEqual(stdout.split(/\s+/).filter(Boolean), ['DEEP', '1', String(BIG_BYTES)])
    held('and so does the shell')
  }
}

/** What happens outside after the workspace was opened. */
async function tryOutside(folder) {
  const real = join(folder, 'moving')
  host.mkdirSync(join(real, 'sub'), { recursive: true })
  for (const name of ['read', 'unread', 'gone', 'sub/in']) host.writeFileSync(join(real, name), `${name} 1`)
  let workspace = await Workspace.open(join(folder, 'moving.vive'), { from: real })
  const { changes } = await workspace.step('ann', async ({ promises: fs }) => {
    assert.equal(await fs.readFile('read', 'utf8'), 'read 1')
    host.writeFileSync(join(real, 'read'), 'changed')
    host.writeFileSync(join(real, 'unread'), 'changed, and longer')
    host.writeFileSync(join(real, 'new'), '')
    host.rmSync(join(real, 'gone'))
    host.renameSync(join(real, 'sub'), join(folder, 'elsewhere'))
    host.symlinkSync(join(folder, 'elsewhere'), join(real, 'sub'))
    assert.equal(await fs.readFile('read', 'utf8'), 'read 1')
    assert.equal(await fs.readFile('unread', 'utf8'), 'changed, and longer')
    assert.equal((await fs.stat('unread')).size, 19)
    await assert.rejects(fs.readFile('gone'), { code: 'ESTALE' })
    await assert.rejects(fs.readFile('sub/in'), { code: 'ESTALE' })
    await assert.rejects(fs.readFile('new'), { code: 'ENOENT' })
  })
  assert.deepEqual(changes, [])
  await workspace.step('ann', ({ promises: fs }) => fs.rm('gone'))
  await workspace.close()
  workspace = await Workspace.open(join(folder, 'moving.vive'))
  const { promises: fs } = await workspace.viewOf('ann')
  assert.equal(await fs.readFile('read', 'utf8'), 'read 1')
  await assert.rejects(fs.stat('gone'), { code: 'ENOENT' })
  await workspace.close()
  held(
    'what changed outside: read before it stays, unread it is what is there now, what went is ESTALE, no link leads out; so after a restart',
  )
}

async function tryUndoAfterApply(folder) {
  const real = join(folder, 'applied')
  host.mkdirSync(join(real, 'sub'), { recursive: true })
  for (const name of ['replaced', 'sub/deleted', 'sub/moved']) host.writeFileSync(join(real, name), 'original')
  const workspace = await Workspace.open('memory://', { from: real })
  const { before } = await workspace.step('ann', async ({ promises: fs }) => {
    await fs.writeFile('replaced', 'new')
    await fs.rm('sub/deleted')
    await fs.rename('sub', 'other')
  })
  await workspace.apply(before, real)
  assert.equal(host.readFileSync(join(real, 'other/moved'), 'utf8'), 'original')
  assert.ok(!host.existsSync(join(real, 'sub')))
  await workspace.undo(before)
  const { promises: fs } = await workspace.viewOf('ann')
  for (const name of ['replaced', 'sub/deleted', 'sub/moved']) assert.equal(await fs.readFile(name, 'utf8'), 'original')
  await workspace.close()
  held('what was taken over can be undone here, although the originals are gone there')
}

async function tryInterrupted(folder) {
  const real = join(folder, 'begun')
  const where = join(folder, 'begun.vive')
  host.mkdirSync(real)
  host.writeFileSync(join(real, 'file'), 'content')
  // What a process that was killed while it opened leaves.
  const vive = await ViveFS.open(where)
  await vive.root.fs.promises.mkdir('/.founding/half', { recursive: true })
  await (await vive.forks.create('.base')).close()
  await vive.close()
  const workspace = await Workspace.open(where, { from: real })
  const { promises: fs } = await workspace.viewOf('ann')
  assert.deepEqual(await fs.readdir('.'), ['file'])
  assert.equal(await fs.readFile('file', 'utf8'), 'content')
  await workspace.close()
  held('an opening that was interrupted begins anew')
}

export async function tryOverlay(folder) {
  await tryManyFiles(folder)
  const real = join(folder, 'real-project')
  plant(real)
  const before = stateOf(real)
  const workspace = await Workspace.open(join(folder, 'overlay.vive'), { from: real, quota: { bytesHard: 1_000_000 } })
  const since = workspace.now
  await tryReading(workspace)
  await tryWriting(workspace)
  await tryTheRest(workspace, since)
  assert.deepEqual((await workspace.fsck()).findings, [])
  await workspace.close()
  assert.deepEqual(stateOf(real), before)
  held('the real directory is as it was, and the volume is clean')
  await tryInterrupted(folder)
  await tryOutside(folder)
  await tryUndoAfterApply(folder)
}
