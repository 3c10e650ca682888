/** A fixed trace of about 60 operations, each of them one transaction: every kind of change, jobs and orphans included. */
import { constants } from 'node:fs'
import { superuser } from '../../src/core/mode.ts'
import type { OpenFile } from '../../src/core/open-file.ts'
import type { Handle } from '../../src/fsal/handle.ts'
import type { Fsal } from '../../src/fsal/types.ts'
import { type Op, runAsync } from '../../src/op.ts'
import { Random } from '../seed.ts'

interface Context {
  readonly fsal: Fsal
  readonly handles: Map<string, Handle>
  readonly files: Map<string, OpenFile>
}

/** One operation; what it remembers for later ones it remembers only when it succeeded. */
export type Step = (context: Context) => Promise<void>

const name = (text: string): Buffer => Buffer.from(text)

export function makeTrace(): Step[] {
  const random = new Random(7)
  const steps: Step[] = []
  const at = ({ handles, fsal }: Context, path: string): Handle => handles.get(path) ?? fsal.root()
  const act = (run: (fsal: Fsal, context: Context) => Op<unknown>): void => {
    steps.push(async (context) => void (await runAsync(run(context.fsal, context))))
  }
  const make = (path: string, kind: 'mkdir' | 'create'): void => {
    const [, directory, last] = /^(.*?)\/?([^/]+)$/.exec(path)!
    steps.push(async (context) => {
      const entry = await runAsync(
        context.fsal[kind](superuser, at(context, directory), { name: name(last), mode: 0o755 }),
      )
      context.handles.set(path, entry.handle)
    })
  }
  const write = (path: string, offset: number | null, bytes: number): void => {
    const data = random.bytes(bytes)
    act((fsal, context) => fsal.write(superuser, at(context, path), { offset, data }))
  }
  const resize = (path: string, size: number): void =>
    act((fsal, context) => fsal.setattr(superuser, at(context, path), { size }))
  const open = (path: string): void => {
    steps.push(async (context) => {
      const flags = constants.O_RDWR
      context.files.set(path, await runAsync(context.fsal.open(superuser, at(context, path), { flags })))
    })
  }
  const close = (path: string): void => act((fsal, { files }) => fsal.close(files.get(path)!))

  make('d', 'mkdir')
  make('d/e', 'mkdir')
  for (const path of ['d/a', 'd/b', 'd/e/c', 'big']) make(path, 'create')
  write('d/a', 0, 10)
  write('d/b', 0, 9000)
  for (let n = 0; n < 8; n++) write('d/b', null, 100)
  write('big', 0, 300_000)
  resize('big', 5000)
  write('big', 20_000, 3000)
  resize('big', 4500)
  write('big', 4400, 50)
  write('big', 30_000, 100)
  resize('big', 100)
  act((fsal, c) => fsal.link(superuser, at(c, 'd/a'), { directory: at(c, 'd/e'), name: name('a2') }))
  act((fsal, c) => fsal.symlink(superuser, at(c, 'd'), { name: name('l'), target: name('../x') }))
  act((fsal, c) => fsal.mknode(superuser, at(c, 'd'), { name: name('p'), mode: constants.S_IFIFO | 0o600 }))
  act((fsal, c) => fsal.setxattr(superuser, at(c, 'd/b'), { name: name('user.k'), value: name('v') }))
  act((fsal, c) =>
    fsal.rename(superuser, at(c, 'd'), { name: name('a'), toDirectory: at(c, 'd/e'), toName: name('c') }),
  )
  act((fsal, c) => fsal.rename(superuser, at(c, 'd'), { name: name('e'), toDirectory: fsal.root(), toName: name('f') }))
  act((fsal, c) =>
    fsal.rename(superuser, at(c, 'd'), {
      name: name('b'),
      toDirectory: fsal.root(),
      toName: name('big'),
      flags: { exchange: true },
    }),
  )
  act((fsal, c) => fsal.fallocate(superuser, at(c, 'd/b'), { mode: 'punch', offset: 1000, length: 5000 }))
  act((fsal, c) => fsal.fallocate(superuser, at(c, 'd/b'), { mode: 'zero', offset: 9000, length: 5000 }))
  act((fsal, c) => fsal.setattr(superuser, at(c, 'd/b'), { mode: 0o600, uid: 7, gid: 8 }))
  open('big')
  act((fsal, c) => fsal.unlink(superuser, at(c, 'd'), { name: name('b') }))
  write('big', 0, 5000)
  close('big')
  make('g', 'create')
  write('g', 0, 400_000)
  open('g')
  act((fsal) => fsal.unlink(superuser, fsal.root(), { name: name('g') }))
  close('g')
  make('h', 'create')
  write('h', 0, 300_000)
  act((fsal) => fsal.unlink(superuser, fsal.root(), { name: name('h') }))
  act((fsal, c) => fsal.removexattr(superuser, at(c, 'd/b'), { name: name('user.k') }))
  make('empty', 'mkdir')
  act((fsal) => fsal.rmdir(superuser, fsal.root(), { name: name('empty') }))
  for (let n = 0; n < 6; n++) make(`d/n${n}`, 'create')
  for (let n = 0; n < 3; n++) act((fsal, c) => fsal.unlink(superuser, at(c, 'd'), { name: name(`n${n}`) }))
  write('d/n4', 2 ** 20, 100)
  act((fsal, c) => fsal.unlink(superuser, at(c, 'd'), { name: name('n4') }))
  return steps
}
