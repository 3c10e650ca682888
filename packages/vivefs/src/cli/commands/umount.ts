import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ViveFS } from '../../vivefs.ts'
import { type Cli, command } from '../context.ts'
import { loadFuse } from '../fuse.ts'
import { UsageError } from '../usage.ts'

/** `vivefs umount` */
export function umount(cli: Cli): void {
  command(cli, 'umount <DIR>', 'take a mounted volume away; comes back when the volume is closed', [
    'vivefs umount /mnt/photos',
  ])
    .option('--lazy', 'take the name away at once and let who has files open finish')
    .action(async (directory: string, flags: { lazy?: boolean }) => {
      cli.signal.throwIfAborted()
      const fuse = await loadFuse()
      const at = realPathOf(directory)
      if (!fuse.isMounted(at)) throw new UsageError(`no volume is mounted on ${directory}`)
      const volume = sourceOf(at)
      const lazy = flags.lazy === true
      await fuse.unmountDirectory(at, { lazy })
      if (!lazy && volume !== undefined) await closed(volume, cli.signal)
      await cli.output.result({ directory: at }, `unmounted ${at}`)
    })
}

/** A mount whose server is gone cannot be looked at. */
function realPathOf(directory: string): string {
  try {
    return realpathSync(directory)
  } catch {
    return resolve(directory)
  }
}

function sourceOf(at: string): string | undefined {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const source = lines.map((line) => line.split(' ')).findLast((words) => words[1] === at)?.[0]
  return source !== undefined && existsSync(join(source, 'vivefs.json')) ? source : undefined
}

const CLOSE_MS_MAX = 60_000
const LOOK_MS = 50

/** Waits until whoever served the volume has let it go, so that the next command finds it free. ERR_VIVEFS_LOCKED: in a minute it has not. */
async function closed(volume: string, signal: AbortSignal): Promise<void> {
  const endMs = performance.now() + CLOSE_MS_MAX
  for (;;) {
    try {
      const vive = await ViveFS.open(volume, { create: false, readOnly: true })
      return await vive.close()
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_VIVEFS_LOCKED') return
      if (performance.now() > endMs) throw error
    }
    await sleep(LOOK_MS, undefined, { signal })
  }
}
