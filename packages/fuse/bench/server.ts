/**
 * Serves one mount in its only thread, by the loop of `mountVolume`: `node server.mjs JSON` ({@link ServedRole}). Ends with the mount.
 */
import { writeFileSync } from 'node:fs'
import { ViveFS } from 'vivefs'
import { runAsync } from 'vivefs/fsal'
import { writeAnswer } from '../src/channel/device.ts'
import { Pace, serve } from '../src/channel/serve.ts'
import { mountDevice } from '../src/kernel-mount.ts'
import { completeOptions, type MountOptions } from '../src/mount-options.ts'
import { Session } from '../src/session.ts'
import { Tree, treeFsal } from './tree.ts'

export interface ServedRole {
  /** `nothing` and `tree` live in memory; `volume` is at `where`. */
  readonly backend: 'nothing' | 'tree' | 'volume'
  readonly where?: string
  readonly directory: string
  readonly options: Partial<MountOptions>
}

const role = JSON.parse(process.argv[2]!) as ServedRole

const vive = role.backend === 'volume' ? await ViveFS.open(role.where!, { engine: 'lsm' }) : undefined
const fsal = vive?.fsal ?? treeFsal(new Tree({ keeps: role.backend === 'tree' }))
const options = completeOptions(role.options)
const { device } = mountDevice(role.directory, options)
const session = new Session({
  fsal,
  rootIno: vive === undefined ? 2 : (await runAsync(fsal.getattr(vive.credentials, fsal.root(), undefined))).ino,
  options,
  answer: (head, headBytes, body) => writeAnswer(device, head, headBytes, body),
})
writeFileSync(1, 'mounted\n')
await serve(session, device, new Pace())
await vive?.close()
