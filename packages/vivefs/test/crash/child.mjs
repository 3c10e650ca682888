/**
 * The process that is killed: `node child.mjs DIRECTORY ROUND SEED ACTORS`. It plays one actor for each directory
 * `rROUND-aN` and acknowledges every operation with a line `N COUNT` on stdout.
 */
import { writeSync } from 'node:fs'
import { runAsync } from '../../dist/fsal.js'
import { ViveFS } from '../../dist/index.js'
import { Actor } from './actor.mjs'

const [directory, round, seed, actors] = process.argv.slice(2)
const who = { uid: 0, gid: 0, groups: [], umask: 0 }
const vive = await ViveFS.open(directory, { extentBytes: 4096 })
const { fsal } = vive
const name = (text) => Buffer.from(text)

async function play(actor, n) {
  const home = (await runAsync(fsal.mkdir(who, fsal.root(), { name: name(`r${round}-a${n}`), mode: 0o755 }))).handle
  writeSync(1, `${n} 0\n`)
  const handleOf = async (text) => (await runAsync(fsal.lookup(who, home, { name: name(text) }))).handle
  for (let count = 1; ; count++) {
    const step = actor.next()
    const args = { name: name(step.name) }
    if (step.kind === 'create') await runAsync(fsal.create(who, home, { ...args, mode: 0o644 }))
    else if (step.kind === 'mkdir') await runAsync(fsal.mkdir(who, home, { ...args, mode: 0o755 }))
    else if (step.kind === 'rmdir') await runAsync(fsal.rmdir(who, home, args))
    else if (step.kind === 'unlink') await runAsync(fsal.unlink(who, home, args))
    else if (step.kind === 'rename') {
      await runAsync(fsal.rename(who, home, { ...args, toDirectory: home, toName: name(step.to) }))
    } else {
      const handle = await handleOf(step.name)
      if (step.kind === 'link') await runAsync(fsal.link(who, handle, { directory: home, name: name(step.to) }))
      else if (step.kind === 'truncate') await runAsync(fsal.setattr(who, handle, { size: step.size }))
      else await runAsync(fsal.write(who, handle, { offset: step.offset, data: step.data }))
    }
    writeSync(1, `${n} ${count}\n`)
  }
}

await Promise.all(Array.from({ length: Number(actors) }, (_, n) => play(new Actor(Number(seed) + n), n)))
