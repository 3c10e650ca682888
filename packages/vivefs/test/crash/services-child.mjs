/**
 * The process that is killed: `node services-child.mjs VOLUME ROUND SEED ACTORS` plays actors in `/rROUND-aN` and acknowledges every step by a
 * line `N COUNT`; `node services-child.mjs convert DIRECTORY` moves a volume to lsm and says so.
 */
import { writeSync } from 'node:fs'
import { convertVolume, ViveFS } from '../../dist/index.js'
import { perform, ServicesActor } from './services-actor.mjs'

async function play(volume, round, seed, actors) {
  const vive = await ViveFS.open(volume, { credentials: { uid: 0, gid: 0, groups: [] } })
  await Promise.all(
    Array.from({ length: actors }, async (_, n) => {
      const home = `/r${round}-a${n}`
      await vive.fs.promises.mkdir(home)
      writeSync(1, `${n} 0\n`)
      const actor = new ServicesActor(seed + n, home.slice(1))
      for (let count = 1; ; count++) {
        await perform(vive, home, actor.next())
        writeSync(1, `${n} ${count}\n`)
      }
    }),
  )
}

const [first, ...rest] = process.argv.slice(2)
if (first === 'convert') {
  let isSaid = false
  await convertVolume(rest[0], {
    onProgress: () => {
      if (!isSaid) writeSync(1, 'begun\n')
      isSaid = true
    },
  })
} else await play(first, ...rest.map(Number))
