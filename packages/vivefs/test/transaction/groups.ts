/** Random operations of the node:fs promise face, to be done in groups. */
import { constants } from 'node:fs'
import type { VivePromises } from '../../src/face/types.ts'
import type { Random } from '../seed.ts'

export type Action = (fs: VivePromises) => Promise<unknown>

const NAMES = ['a', 'b', 'c', 'd', 'e']

/** One action, the same on whatever volume it is done; it may fail, in the same way on each. */
export function anAction(random: Random): Action {
  const path = (): string => `/${Array.from({ length: 1 + random.upTo(3) }, () => random.pick(NAMES)).join('/')}`
  const data = (): Buffer => random.bytes(random.pick([0, 10, 500, 5000, 20_000]))
  const [one, two, bytes, offset] = [path(), path(), data(), random.upTo(30_000)]
  const kinds: readonly (() => Action)[] = [
    () => (fs) => fs.mkdir(one),
    () => (fs) => fs.mkdir(one, { recursive: true }),
    () => (fs) => fs.writeFile(one, bytes),
    () => (fs) => fs.writeFile(one, bytes),
    () => (fs) => fs.appendFile(one, bytes),
    () => (fs) => fs.rename(one, two),
    () => (fs) => fs.link(one, two),
    () => (fs) => fs.symlink(two, one),
    () => (fs) => fs.unlink(one),
    () => (fs) => fs.rmdir(one),
    () => (fs) => fs.rm(one, { recursive: true }),
    () => (fs) => fs.truncate(one, offset),
    () => (fs) => fs.chmod(one, 0o700),
    () => (fs) => fs.copyFile(one, two, offset % 3 === 0 ? 0 : constants.COPYFILE_FICLONE),
    () => (fs) => fs.setxattr(one, 'user.k', bytes.subarray(0, 100)),
    () => async (fs) => {
      const handle = await fs.open(one, 'r+')
      try {
        await handle.write(bytes, 0, bytes.length, offset)
        await fs.unlink(one)
        await handle.write(bytes, 0, bytes.length, 0)
        if (offset % 2 === 0) await handle.link(two)
      } finally {
        await handle.close()
      }
    },
  ]
  return random.pick(kinds)()
}

/** Does the action and answers how it failed, if it did. */
export async function attempt(fs: VivePromises, action: Action): Promise<string> {
  try {
    await action(fs)
    return ''
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}
