/** What was opened and is gone keeps no memory: the volume tells rows only to those that are there. */
import { expect, test } from 'vitest'
import { ViveFS } from 'vivefs'
import { registryOf } from '../../src/snapshot/registry.ts'
import { coreOf } from '../../src/vivefs.ts'

test('forks that are closed or deleted, and views of snapshots that are, hear nothing any more', async () => {
  await using vive = await ViveFS.open('memory://', { credentials: { uid: 0, gid: 0, groups: [] } })
  const { store, openForks, views } = registryOf(coreOf(vive))
  let listening = 0
  const observe = store.observe.bind(store)
  store.observe = (listener) => {
    listening++
    const end = observe(listener)
    return () => {
      listening--
      end()
    }
  }
  await vive.fs.promises.writeFile('/f', 'x')
  for (let n = 0; n < 20; n++) {
    await vive.snapshots.create(`s${n}`)
    const fork = await vive.fork(`s${n}`, `f${n}`)
    await fork.fs.promises.writeFile('/f', String(n))
    await fork.close()
    const again = await vive.forks.open(`f${n}`)
    expect(await again.fs.promises.readFile('/f', 'utf8')).toBe(String(n))
    expect(await vive.snapshot(`s${n}`).fs.promises.readFile('/f', 'utf8')).toBe('x')
    await vive.forks.delete(`f${n}`)
    await expect(again.fs.promises.stat('/f')).rejects.toMatchObject({ code: 'ERR_VIVEFS_CLOSED' })
    await vive.snapshots.delete(`s${n}`)
  }
  expect([listening, openForks.size, views.size]).toEqual([0, 0, 0])
})
