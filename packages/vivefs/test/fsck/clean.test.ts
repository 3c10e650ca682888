import { constants } from 'node:fs'
import { expect, test } from 'vitest'
import { runAsync } from '../../src/op.ts'
import { openBare, root } from '../bare-volume.ts'

test('a new volume is clean, and so is one with something of everything', async () => {
  const volume = await openBare(undefined, { extentBytes: 4096 })
  const { fsal, fsck } = volume
  expect(await fsck()).toMatchObject({ clean: true, findingsTotal: 0, counts: { inodes: 1, directories: 1 } })
  const at = fsal.root()
  const name = (text: string) => Buffer.from(text)
  const dir = await runAsync(fsal.mkdir(root, at, { name: name('d'), mode: 0o755 }))
  const file = await runAsync(fsal.create(root, dir.handle, { name: name('f'), mode: 0o644 }))
  await runAsync(fsal.link(root, file.handle, { directory: at, name: name('g') }))
  await runAsync(fsal.symlink(root, at, { name: name('l'), target: name('d/f') }))
  await runAsync(fsal.mknode(root, at, { name: name('p'), mode: constants.S_IFIFO | 0o600 }))
  await runAsync(fsal.setxattr(root, file.handle, { name: name('user.a'), value: name('b') }))
  const open = await runAsync(fsal.open(root, file.handle, { flags: constants.O_RDWR }))
  for (let n = 0; n < 100; n++)
    await runAsync(fsal.write(root, file.handle, { offset: null, data: Buffer.alloc(100, n), file: open }))
  await runAsync(fsal.write(root, file.handle, { offset: 1_000_000, data: Buffer.alloc(5000, 1), file: open }))
  const report = await fsck()
  expect(report.findings).toEqual([])
  expect(report).toMatchObject({
    clean: true,
    counts: {
      inodes: 5,
      directories: 2,
      files: 1,
      symlinks: 1,
      others: 1,
      dirents: 5,
      xattrs: 1,
      dataBytes: 15_000,
      orphans: 0,
    },
  })
  await runAsync(fsal.unlink(root, at, { name: name('g') }))
  await runAsync(fsal.unlink(root, dir.handle, { name: name('f') }))
  expect(await fsck()).toMatchObject({ clean: true, counts: { orphans: 1, inodes: 5 } })
  await runAsync(fsal.close(open))
  await volume.core.jobs.idle()
  expect(await fsck()).toMatchObject({
    clean: true,
    counts: { orphans: 0, inodes: 4, dataBytes: 0, extents: 0, jobs: 0 },
  })
  await volume.close()
})
