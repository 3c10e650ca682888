/** Leases: who is asked to give way, by what, how long others wait, and when they go. */
import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Lease, type LeaseBreak, type LeaseLoss, type ViveFileSystem, ViveFS } from 'vivefs'
import { runAsync } from '../../src/op.ts'
import { connectPort, servePort } from '../../src/port/index.ts'
import { coreOf } from '../../src/vivefs.ts'

type Promises = ViveFileSystem['promises']

let vive: ViveFS
let other: Promises
beforeEach(async () => {
  vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0, groups: [] } })
  other = vive.as({ session: 'other' }).fs.promises
  await vive.fs.promises.writeFile('/f', 'content')
})
afterEach(() => vive.close())

const codeOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => undefined,
    (error) => error.code,
  )
const asked = async (lease: { once: Lease['once'] }): Promise<LeaseBreak> =>
  ((await once(lease as Lease, 'break')) as [LeaseBreak])[0]
const soon = (promise: Promise<unknown>): Promise<unknown> =>
  Promise.race([promise.then(() => 'done'), new Promise((resolve) => setTimeout(resolve, 20, 'waits'))])

test('a read lease: others read and look, and who changes anything waits until it is given back', async () => {
  const file = await vive.fs.promises.open('/f', 'r')
  await other.setxattr('/f', 'user.there', 'x')
  await other.writeFile('/g', 'another')
  const changes: Record<string, () => Promise<unknown>> = {
    'open for writing': async () => (await other.open('/f', 'r+')).close(),
    truncate: () => other.truncate('/f', 3),
    writeFile: () => other.writeFile('/f', 'content'),
    appendFile: () => other.appendFile('/f', 'content'),
    chmod: () => other.chmod('/f', 0o600),
    chown: () => other.chown('/f', 0, 7),
    utimes: () => other.utimes('/f', 1, 2),
    setxattr: () => other.setxattr('/f', 'user.a', 'b'),
    removexattr: () => other.removexattr('/f', 'user.there'),
    setAcl: () => other.setAcl('/f', 'u::rw,g::r,o::r,u:7:r,m::r'),
    link: () => other.link('/f', '/linked'),
    unlink: () => other.unlink('/linked'),
    rename: async () => {
      await other.rename('/f', '/moved')
      await other.rename('/moved', '/f')
    },
    copyFile: () => other.copyFile('/g', '/f'),
  }
  for (const [what, change] of Object.entries(changes)) {
    const lease = await file.lease('read')
    expect(await other.readFile('/f', 'utf8')).toMatch(/^(con|another)/)
    await other.stat('/f')
    await (await other.open('/f', 'r')).close()
    expect(lease.breaking).toBe(undefined)
    // What is done to the own one breaks none.
    await vive.fs.promises.utimes('/f', 5, 5)
    expect([what, lease.type, lease.breaking]).toEqual([what, 'read', undefined])
    const changing = change()
    expect([what, (await asked(lease)).to]).toEqual([what, 'none'])
    expect([what, await soon(changing)]).toEqual([what, 'waits'])
    lease.release()
    await changing
    expect(lease.type).toBe('none')
  }
  const lease = await file.lease('read')
  const over = other.rename('/g', '/f')
  await asked(lease)
  lease.release()
  await over
  await file.close()
})

test('a write lease: who reads takes it down to a read lease, who writes takes it away', async () => {
  const file = await vive.fs.promises.open('/f', 'r+')
  const lease = await file.lease('write')
  await vive.fs.promises.appendFile('/f', '!')
  expect(lease.breaking).toBe(undefined)
  expect((await other.stat('/f')).size).toBe(8)
  const reading = other.readFile('/f', 'utf8')
  expect((await asked(lease)).to).toBe('read')
  await file.write('C', 0)
  lease.downgrade()
  // What the holder wrote back before it gave way is what is read.
  expect(await reading).toBe('Content!')
  expect([lease.type, lease.breaking]).toEqual(['read', undefined])
  // Both at once: a second step down.
  expect(await file.lease('write')).toBe(lease)
  const opening = other.open('/f', 'r')
  expect((await asked(lease)).to).toBe('read')
  const writing = other.writeFile('/f', 'new')
  expect((await asked(lease)).to).toBe('none')
  expect(await codeOf(file.lease('write'))).toBe('EAGAIN')
  lease.downgrade()
  const reader = await opening
  expect(lease.breaking?.to).toBe('none')
  expect(await soon(writing)).toBe('waits')
  lease.release()
  await writing
  await reader.close()
  await file.close()
})

test('there is none beside those whom it would exclude', async () => {
  const { promises } = vive.fs
  await using reader = await promises.open('/f', 'r')
  await using writer = await promises.open('/f', 'r+')
  const their = await other.open('/f', 'r')
  expect(await codeOf(writer.lease('write'))).toBe('EAGAIN')
  const lease = await reader.lease('read')
  // We have it open for writing.
  expect(await codeOf(their.lease('read'))).toBe('EAGAIN')
  await their.close()
  expect(await writer.lease('write')).toBe(lease)
  expect(lease.type).toBe('write')
  lease.release()
  const theirWriter = await other.open('/f', 'a')
  expect(await codeOf(reader.lease('read'))).toBe('EAGAIN')
  await theirWriter.close()
  expect((await reader.lease('read')).type).toBe('read')
  // fcntl(2): for whoever owns the file, and of files only.
  const stranger = vive.as({ uid: 7, gid: 7, session: 'stranger' }).fs.promises
  await using theirs = await stranger.open('/f', 'r')
  await expect(theirs.lease('read')).rejects.toMatchObject({ code: 'EACCES', syscall: 'fcntl' })
  await using directory = await promises.open('/', 'r')
  expect(await codeOf(directory.lease('read'))).toBe('EINVAL')
  expect(await codeOf(reader.lease('write'))).toBe('EBADF')
  expect(await codeOf(reader.lease('both' as never))).toBe('ERR_INVALID_ARG_VALUE')
  expect(await codeOf(reader.lease('read', { breakMs: 0 }))).toBe('ERR_OUT_OF_RANGE')
})

test('who does not answer in time loses it; who closes, ends or removes, too', async () => {
  const losses: LeaseLoss[] = []
  const take = async (type: 'read' | 'write', breakMs?: number) => {
    const file = await other.open('/f', 'r+')
    const lease = await file.lease(type, breakMs === undefined ? {} : { breakMs })
    lease.on('lost', (lost) => losses.push(lost))
    return { file, lease }
  }
  const { promises } = vive.fs
  const late = await take('write', 30)
  const before = performance.now()
  expect(await promises.readFile('/f', 'utf8')).toBe('content')
  expect(performance.now() - before).toBeGreaterThan(25)
  expect(late.lease.type).toBe('read')
  await promises.chmod('/f', 0o600)
  expect(late.lease.type).toBe('none')
  expect(() => late.lease.downgrade()).toThrow(expect.objectContaining({ code: 'EAGAIN' }))
  late.lease.release()
  await late.file.close()

  const closing = await take('write')
  const reading = promises.readFile('/f')
  await asked(closing.lease)
  await closing.file.close()
  await reading

  const dying = await take('write')
  const writing = promises.writeFile('/f', 'again')
  await asked(dying.lease)
  await vive.endSession('other')
  await writing

  const last = await take('read')
  await other.unlink('/f')
  await last.file.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(losses).toEqual([
    { now: 'read', reason: 'timeout' },
    { now: 'none', reason: 'timeout' },
    { now: 'none', reason: 'closed' },
    { now: 'none', reason: 'session' },
    { now: 'none', reason: 'closed' },
  ])
  expect(coreOf(vive).leases.counts).toEqual({ held: 0, files: 0 })
})

test('who does not want to wait is told EAGAIN, and the holder is asked all the same', async () => {
  await using file = await vive.fs.promises.open('/f', 'r+')
  const lease = await file.lease('write')
  const { O_RDONLY, O_NONBLOCK } = vive.fs.constants
  const asking = asked(lease)
  expect(await codeOf(other.open('/f', O_RDONLY | O_NONBLOCK))).toBe('EAGAIN')
  expect((await asking).to).toBe('read')
  const theirs = vive.as({ session: 'other' }).fs
  // Nothing in this thread could give way meanwhile.
  expect(() => theirs.writeFileSync('/f', 'x')).toThrow(
    expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' }),
  )
  expect(lease.breaking?.to).toBe('none')
  lease.release()
  await other.writeFile('/f', 'x')
})

test('a rollback, a removed file and the end of the volume', async () => {
  const { promises } = vive.fs
  await vive.snapshots.create('before')
  await promises.writeFile('/f', 'later')
  await using file = await promises.open('/f', 'r')
  const lease = await file.lease('read')
  const rolling = vive.snapshots.rollback('before')
  await asked(lease)
  expect(await soon(rolling)).toBe('waits')
  lease.release()
  await rolling
  expect(await promises.readFile('/f', 'utf8')).toBe('content')
  const again = await file.lease('read', { breakMs: 60_000 })
  const waiting = other.writeFile('/f', 'x')
  await asked(again)
  await vive.close()
  expect(await codeOf(waiting)).toBe('ERR_VIVEFS_CLOSED')
  expect(again.type).toBe('none')
})

test('transactions wait like everybody, and lease nothing themselves', async () => {
  await using file = await vive.as({ session: 'holder' }).fs.promises.open('/f', 'r')
  const lease = await file.lease('read')
  const changing = vive.transaction(async ({ fs }) => {
    await fs.writeFile('/g', 'beside')
    await fs.appendFile('/f', '!')
  })
  await asked(lease)
  expect(await soon(changing)).toBe('waits')
  lease.release()
  await changing
  expect(await other.readFile('/f', 'utf8')).toBe('content!')
  const inside = vive.transaction(async ({ fs }) => {
    const open = await fs.open('/f', 'r')
    await open.lease('read')
  })
  expect(await codeOf(inside)).toBe('ERR_VIVEFS_UNSUPPORTED')
})

test('gateways: by handle, for clients of theirs', async () => {
  const { fsal } = vive
  const session = fsal.lockSession('nfs')
  const who = (id: string, wait?: boolean) => ({
    uid: 0,
    gid: 0,
    groups: [],
    umask: 0,
    client: { session, id, ...(wait === undefined ? {} : { wait }) },
  })
  const name = Buffer.from('f')
  const { handle } = await runAsync(fsal.lookup(who('a'), fsal.root(), { name }))
  const file = await runAsync(fsal.open(who('a'), handle, { flags: vive.fs.constants.O_RDWR }))
  const owner = { session, id: 'a' }
  const lease = await runAsync(fsal.lease(who('a'), handle, { owner, type: 'write', files: [file] }))
  expect((await runAsync(fsal.leases(who('b'), handle, undefined))).map((each) => each.owner)).toEqual([owner])
  // Its own calls, with and without the open file, break nothing.
  await runAsync(fsal.write(who('a'), handle, { offset: 0, data: Buffer.from('C') }))
  await runAsync(fsal.setattr(who('a'), handle, { mode: 0o600, file }))
  expect(lease.breaking).toBe(undefined)
  // What NFS answers with DELAY.
  const into = Buffer.alloc(7)
  expect(await codeOf(runAsync(fsal.read(who('b', false), handle, { offset: 0, into })))).toBe('EAGAIN')
  expect(lease.breaking?.to).toBe('read')
  lease.downgrade()
  expect(await runAsync(fsal.read(who('b', false), handle, { offset: 0, into }))).toBe(7)
  const unlinking = runAsync(fsal.unlink(who('b'), fsal.root(), { name }))
  await asked(lease)
  fsal.endLockSession(session)
  await unlinking
  await runAsync(fsal.close(file))
  await vive.fs.promises.writeFile('/h', 'x')
  const { handle: h } = await runAsync(fsal.lookup(who('a'), fsal.root(), { name: Buffer.from('h') }))
  const byRight = await runAsync(fsal.lease(who('a'), h, { owner, type: 'read' }))
  expect(await codeOf(runAsync(fsal.lease(who('b'), h, { owner: { session, id: 'b' }, type: 'write' })))).toBe('EAGAIN')
  expect(byRight.breaking).toBe(undefined)
  expect(await codeOf(runAsync(fsal.lease(who('a'), h, { owner, type: 'read', files: [file] })))).toBe('EBADF')
})

test('through a port: breaks are told, and all goes with the port', async () => {
  const { port1, port2 } = new MessageChannel()
  servePort(vive, port1)
  const theirs = connectPort(port2).fs
  const file = await theirs.promises.open('/f', 'r+')
  const lease = await file.lease('write')
  expect(lease.type).toBe('write')
  const reading = vive.fs.promises.readFile('/f', 'utf8')
  expect((await asked(lease as unknown as Lease)).to).toBe('read')
  expect(lease.breaking?.to).toBe('read')
  await file.write('C', 0)
  await lease.downgrade()
  expect(await reading).toBe('Content')
  expect([lease.type, lease.breaking]).toEqual(['read', undefined])
  expect(await file.lease('write')).toBe(lease)
  await lease.release()
  const short = await file.lease('write', { breakMs: 20 })
  const lost = once(short as never, 'lost')
  await vive.fs.promises.writeFile('/f', 'new')
  expect(await lost).toEqual([{ now: 'none', reason: 'timeout' }])
  await expect(short.downgrade()).rejects.toMatchObject({ code: 'EAGAIN' })
  await file.lease('write')
  const writing = vive.fs.promises.writeFile('/f', 'newer')
  expect(await soon(writing)).toBe('waits')
  port2.close()
  await writing
})
