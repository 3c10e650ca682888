/** A check beside forks that are in use: their rows lie among those of the volume, so they wait as well. */
import { expect, test } from 'vitest'
import { ViveFS } from 'vivefs'

test('a check while the volume and its forks are written to, and big deletes go on', async () => {
  await using vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0, groups: [] } })
  await vive.fs.promises.writeFile('/big', Buffer.alloc(6 << 20, 7))
  const forks = [await vive.fork(undefined, 'a'), await vive.fork(undefined, 'b')]
  const faces = [vive.fs, ...forks.map(({ fs }) => fs)]
  let isOver = false
  let written = 0
  const writers = faces.map(async ({ promises }) => {
    for (let n = 0; !isOver; n++) {
      await promises.writeFile(`/f${n % 50}`, Buffer.alloc(5000, n))
      if (n % 60 === 0) {
        await promises.writeFile('/big2', Buffer.alloc(5 << 20, n))
        await promises.unlink('/big2')
      }
      written++
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
  for (let run = 0; run < 2; run++) {
    const before = written
    expect((await vive.fsck()).findings).toEqual([])
    while (written === before) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect((await vive.fsck({ snapshots: false })).findings).toEqual([])
  isOver = true
  await Promise.all(writers)
})
