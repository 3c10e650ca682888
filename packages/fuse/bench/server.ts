/** Serves one mount in its only thread, by the loop of `mountVolume`: `node server.mjs KIND WHERE DIR`. Ends with the mount. */
import { writeFileSync } from 'node:fs'
import { ViveFS } from 'vivefs'
import { runAsync } from 'vivefs/fsal'
import { writeAnswer } from '../src/channel/device.ts'
import { Pace, serve } from '../src/channel/serve.ts'
import { mountDevice } from '../src/kernel-mount.ts'
import { completeOptions } from '../src/mount-options.ts'
import { Session } from '../src/session.ts'
import { nullFsal } from './null-fsal.ts'

const [, , kind, where, directory] = process.argv as unknown as [string, string, 'null' | 'vive', string, string]

const vive = kind === 'null' ? undefined : await ViveFS.open(where, where === 'memory://' ? {} : { engine: 'lsm' })
const fsal = vive?.fsal ?? nullFsal()
const options = completeOptions({ entrySeconds: 0, attributeSeconds: 0 })
const { device } = mountDevice(directory, options)
const session = new Session({
  fsal,
  rootIno: vive === undefined ? 2 : (await runAsync(fsal.getattr(vive.credentials, fsal.root(), undefined))).ino,
  options,
  answer: (parts) => writeAnswer(device, parts),
})
writeFileSync(1, 'mounted\n')
await serve(session, device, new Pace())
await vive?.close()
