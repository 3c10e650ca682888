/**
 * What an installed copy of the packages must do, in a project of either kind under any runtime. Each check gets the modules, as `import` or
 * `require` gave them, and a folder that is empty at the first check of a kind; one that does not hold throws.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

const LETTER = 'a letter\n'.repeat(100_000)
const ENTRIES = 5000

/** The face on one volume: promises, streams, synchronous calls where they work, rights, links. */
async function useFilesystem(vive, { sync }) {
  const fs = vive.fs.promises
  await fs.mkdir('/a/b', { recursive: true })
  await fs.writeFile('/a/hello.txt', 'hello')
  await fs.appendFile('/a/hello.txt', ' again')
  assert.equal(await fs.readFile('/a/hello.txt', 'utf8'), 'hello again')
  await fs.link('/a/hello.txt', '/a/b/second')
  await fs.symlink('../hello.txt', '/a/b/link')
  await fs.rename('/a/b/second', '/a/b/renamed')
  const { nlink, mtimeNs } = await fs.stat('/a/b/link', { bigint: true })
  assert.equal(nlink, 2n)
  assert.ok(mtimeNs > 0n)
  assert.deepEqual((await fs.readdir('/a/b')).sort(), ['link', 'renamed'])
  await fs.writeFile('/a/letter', LETTER)
  await pipeline(vive.fs.createReadStream('/a/letter'), vive.fs.createWriteStream('/a/copy'))
  assert.equal(await fs.readFile('/a/copy', 'utf8'), LETTER)
  await fs.chmod('/a/letter', 0o600)
  const guest = vive.as({ uid: 4711, gid: 4711 }).fs.promises
  await assert.rejects(guest.readFile('/a/letter'), { code: 'EACCES', syscall: 'open', path: '/a/letter' })
  if (sync) {
    vive.fs.writeFileSync('/a/sync', LETTER)
    assert.equal(vive.fs.readFileSync('/a/sync', 'utf8'), LETTER)
    assert.ok(vive.fs.readdirSync('/a').includes('sync'))
  } else assert.throws(() => vive.fs.mkdirSync('/a/sync'), { code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' })
  assert.deepEqual((await vive.fsck()).findings, [])
}

/** On a place that is there again after closing. */
async function useAndReopen({ ViveFS }, where, options, sync) {
  const vive = await ViveFS.open(where, options)
  await useFilesystem(vive, { sync })
  await vive.close()
  const again = await ViveFS.open(where, { create: false })
  assert.equal(await again.fs.promises.readFile('/a/copy', 'utf8'), LETTER)
  await again.close()
}

/** Tables are compacted in a worker thread, whose file lies in the package. */
async function fillDatabase(level) {
  await level.open()
  for (let i = 0; i < ENTRIES; i++) await level.put(`key ${i}`, 'value '.repeat(20) + i)
  await level.compactRange()
  const { workerJobs, workerFailure } = level.stats().compaction
  assert.equal(workerFailure, undefined)
  assert.ok(workerJobs > 0)
}

export const checks = {
  async filesystem({ vivefs }, folder) {
    await useAndReopen(vivefs, join(folder, 'volume'), {}, true)
  },
  async memory({ vivefs }) {
    const vive = await vivefs.ViveFS.open('memory://')
    await useFilesystem(vive, { sync: false })
    await vive.close()
  },
  /** The engine `level` is native: its binaries come with the package `classic-level`. */
  async level({ vivefs }, folder) {
    await useAndReopen(vivefs, join(folder, 'on-level'), { engine: 'level' }, false)
  },
  async database({ lsm }, folder) {
    const options = { memtableBytes: 65_536, level0Trigger: 2 }
    const level = new lsm.LsmLevel(join(folder, 'level'), options)
    await fillDatabase(level)
    await level.close()
    const again = new lsm.LsmLevel(join(folder, 'level'), options)
    await again.open()
    assert.equal(again.getSync(`key ${ENTRIES - 1}`), 'value '.repeat(20) + (ENTRIES - 1))
    assert.equal(again.iteratorSync({ gte: 'key' }).nextv(10).length, 10)
    await again.close()
  },
  async tiers({ vivefs, lsm, media }, folder) {
    const opened = {
      ssd: media.openDirectory({ path: join(folder, 'ssd') }),
      smr: media.openSmr({ path: join(folder, 'smr.img') }),
    }
    const where = { media: opened, home: ['ssd'], policy: lsm.ladder(['ssd', 'smr']) }
    const vive = await vivefs.ViveFS.open(where)
    await useFilesystem(vive, { sync: true })
    assert.deepEqual(
      vive
        .mediaMap()
        .media.map(({ name }) => name)
        .sort(),
      ['smr', 'ssd'],
    )
    await vive.close()
    for (const medium of Object.values(opened)) await medium.close()
  },
  async lock({ vivefs }, folder) {
    const vive = await vivefs.ViveFS.open(join(folder, 'locked'))
    await assert.rejects(vivefs.ViveFS.open(join(folder, 'locked')), { code: 'ERR_VIVEFS_LOCKED' })
    await vive.close()
  },
  /** Ends this process in the middle of its work, after a write that was acknowledged. */
  async 'kill -9'({ vivefs }, folder) {
    const vive = await vivefs.ViveFS.open(join(folder, 'killed'))
    await vive.fs.promises.writeFile('/acknowledged', LETTER)
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => setInterval(() => {}, 1000))
  },
  async 'after kill -9'({ vivefs }, folder) {
    const vive = await vivefs.ViveFS.open(join(folder, 'killed'), { create: false })
    assert.equal(await vive.fs.promises.readFile('/acknowledged', 'utf8'), LETTER)
    assert.deepEqual((await vive.fsck()).findings, [])
    await vive.close()
  },
  /** A volume that a worker thread owns. */
  async port({ port }, folder) {
    const vive = await port.openInWorker(join(folder, 'in-a-worker'))
    await vive.fs.promises.writeFile('/hello', LETTER)
    assert.equal(await vive.fs.promises.readFile('/hello', 'utf8'), LETTER)
    await assert.rejects(vive.fs.promises.readFile('/nothing'), { code: 'ENOENT' })
    await vive.close()
  },
  async gateways({ vivefs, fsal }) {
    const vive = await vivefs.ViveFS.open('memory://')
    const call = { name: Buffer.from('a'), mode: 0o755 }
    const { handle } = await fsal.runAsync(vive.fsal.mkdir(vive.credentials, vive.fsal.root(), call))
    const { attributes } = await fsal.runAsync(vive.fsal.lookup(vive.credentials, vive.fsal.root(), call))
    assert.equal(attributes.nlink, 2)
    assert.ok(handle.length <= 64)
    await vive.close()
  },
  /** A directory that is not there is refused wherever this runs, after the worker was found and had opened its volume. */
  async mount({ fuse }) {
    await assert.rejects(fuse.mountVolume('memory://', '/not/there'), fuse.isFuseError)
  },
  async suites({ conformance, pfaof, media }) {
    assert.equal(typeof conformance.filesystemSuite, 'function')
    assert.equal(typeof pfaof.Volume, 'function')
    assert.equal(typeof media.openFault, 'function')
  },
}

/** Runs the checks that the command line names: `use.js FOLDER CHECK ...`. */
export async function runChecks(modules) {
  const [folder, ...names] = process.argv.slice(2)
  for (const name of names) {
    await checks[name](modules, folder)
    console.log(`${name}: held`)
  }
}
