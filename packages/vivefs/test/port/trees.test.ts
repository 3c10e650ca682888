/** Snapshots, comparisons, rollbacks and forks of a volume that another thread owns. */
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ViveFS } from 'vivefs'
import { connectPort, type PortVolume, type ServeOptions, servePort } from '../../src/port/index.ts'

let vive: ViveFS
beforeEach(async () => {
  vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0, groups: [] } })
})
afterEach(() => vive.close())

function connected(options: ServeOptions): { volume: PortVolume; end: () => void } {
  const { port1, port2 } = new MessageChannel()
  servePort(vive, port1, options)
  return { volume: connectPort(port2), end: () => port2.close() }
}

const codeOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => undefined,
    (error) => error.code,
  )
const all = async <T>(from: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const each of from) found.push(each)
  return found
}

test('snapshots: made, read, compared, gone back to, deleted', async () => {
  const { volume, end } = connected({ mayManage: true, mayImpersonate: true })
  const fs = volume.fs.promises
  await fs.mkdir('/d')
  for (let n = 0; n < 320; n++) await vive.fs.promises.writeFile(`/d/${n}`, String(n))
  const made = await volume.snapshots.create('one')
  expect(made).toMatchObject({ name: 'one', inodes: 322, created: expect.any(Date) })
  expect(await codeOf(volume.snapshots.create('one'))).toBe('EEXIST')
  for (let n = 0; n < 300; n++) await vive.fs.promises.writeFile(`/d/${n}`, 'changed')
  await fs.writeFile('/new', 'x')
  const changes = await all(volume.snapshots.diff('one'))
  expect(changes.length).toBe((await all(vive.snapshots.diff('one'))).length)
  expect(changes.filter(({ kind, path }) => kind === 'added' && path === '/new').length).toBe(1)
  // Left in the middle.
  for await (const change of volume.snapshots.diff('one')) {
    expect(change.ino).toBeGreaterThan(0)
    break
  }
  expect(await codeOf(all(volume.snapshots.diff('none')))).toBe('ENOENT')
  const one = await volume.snapshot('one')
  expect(await one.fs.promises.readFile('/d/5', 'utf8')).toBe('5')
  expect(await codeOf(one.fs.promises.writeFile('/d/5', 'x'))).toBe('EROFS')
  expect(await codeOf(one.as({ uid: 7, gid: 7 }).fs.promises.readFile('/d/5'))).toBe(undefined)
  expect((await one.space()).inodes).toBe(322)
  const file = await one.fs.promises.open('/d/5')
  expect(String((await file.read(Buffer.alloc(1), 0, 1, 0)).buffer)).toBe('5')
  await one.close()
  expect(await codeOf(file.stat())).toBe('ERR_VIVEFS_CLOSED')
  expect(await codeOf(one.fs.promises.stat('/'))).toBe('ERR_VIVEFS_CLOSED')
  await volume.snapshots.rollback('one')
  expect(await fs.readFile('/d/5', 'utf8')).toBe('5')
  expect(await codeOf(fs.stat('/new'))).toBe('ENOENT')
  const again = await volume.snapshot('one')
  await volume.snapshots.delete('one')
  expect(await codeOf(again.fs.promises.stat('/'))).toBe('ERR_VIVEFS_CLOSED')
  expect(await volume.snapshots.list()).toEqual([])
  expect(await codeOf(volume.snapshot('one'))).toBe('ENOENT')
  end()
})

test('forks: made, changed, opened again, deleted; with the port goes what was open', async () => {
  const { volume, end } = connected({ mayManage: true })
  const fs = volume.fs.promises
  await fs.writeFile('/f', 'base')
  await volume.snapshots.create('one')
  const trial = await volume.fork('one', 'trial')
  await trial.fs.promises.writeFile('/f', 'trial')
  await trial.settle()
  expect(await fs.readFile('/f', 'utf8')).toBe('base')
  expect(await volume.forks.list()).toMatchObject([{ name: 'trial', from: 'one' }])
  expect(await codeOf(volume.snapshots.delete('one'))).toBe('EBUSY')
  await trial.close()
  const again = await volume.forks.open('trial')
  expect(await again.fs.promises.readFile('/f', 'utf8')).toBe('trial')
  const file = await again.fs.promises.open('/f', 'r+')
  await file.lock()
  const own = await (await vive.forks.open('trial')).fs.promises.open('/f', 'r+')
  expect(await codeOf(own.lock())).toBe('EAGAIN')
  end()
  await own.lock({ wait: true, timeoutMs: 10_000 })
  await own.close()
  const { volume: other, end: endOther } = connected({ mayManage: true })
  await other.forks.delete('trial')
  expect(await other.forks.list()).toEqual([])
  endOther()
})

test('a port that may not manage looks at snapshots, and no more', async () => {
  const { volume, end } = connected({})
  await vive.fs.promises.writeFile('/f', 'x')
  await vive.snapshots.create('one')
  await (await vive.fork('one', 'fork')).close()
  expect((await volume.snapshots.list()).map(({ name }) => name)).toEqual(['one'])
  expect(await (await volume.snapshot('one')).fs.promises.readFile('/f', 'utf8')).toBe('x')
  const refused = [
    volume.snapshots.create('two'),
    volume.snapshots.delete('one'),
    volume.snapshots.rollback('one'),
    all(volume.snapshots.diff('one')),
    volume.fork('one', 'other'),
    volume.forks.open('fork'),
    volume.forks.delete('fork'),
  ]
  for (const each of refused) expect(await codeOf(each)).toBe('ERR_VIVEFS_OPTION')
  end()
})
