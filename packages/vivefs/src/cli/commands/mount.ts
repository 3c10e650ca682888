import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { type Cli, command } from '../context.ts'
import { type FusePackage, loadFuse } from '../fuse.ts'

interface MountFlags {
  readonly background?: boolean
  readonly readOnly?: boolean
  readonly snapshot?: string
  readonly allowOther: boolean
  readonly ownChecks?: boolean
  readonly cacheSeconds?: number
  readonly writeback?: boolean
  readonly kernelLocks?: boolean
}

/** What a mount in the background tells the command that started it. */
type Told = { readonly mounted: string } | { readonly refused: { readonly code: string; readonly message: string } }

/** Set for the process in the background. */
const TELLS = 'VIVEFS_MOUNT_TELLS'

function seconds(text: string): number {
  const value = Number(text)
  if (text === '' || !(value >= 0)) throw new InvalidArgumentError('a number of seconds is needed')
  return value
}

/** `vivefs mount` */
export function mount(cli: Cli): void {
  command(cli, 'mount <VOLUME> <DIR>', 'mount a volume on a directory (Linux); needs the package @vivefs/fuse', [
    'vivefs mount photos.vive /mnt/photos',
    'vivefs mount photos.vive /mnt/monday --snapshot monday',
    'vivefs mount photos.vive /mnt/photos --background && ls /mnt/photos; vivefs umount /mnt/photos',
  ])
    .option('--background', 'come back when it is mounted; it stays until umount')
    .option('--read-only', 'nothing can be changed')
    .option('--snapshot <NAME>', 'the volume as it was then; nothing can be changed')
    .option('--no-allow-other', 'only you may use it')
    .option('--own-checks', "the volume's own rules check permissions, not the kernel as well; nothing is cached")
    .option('--cache-seconds <N>', 'how long the kernel may trust names and attributes (default 1)', seconds)
    .option('--writeback', 'the kernel collects writes')
    .option('--kernel-locks', 'locks count among the programs on this mount only')
    .action(async (volume: string, directory: string, flags: MountFlags) => {
      cli.signal.throwIfAborted()
      if (flags.background === true) return await background(cli, volume, directory, flags)
      return await foreground(cli, volume, directory, flags)
    })
}

async function foreground(cli: Cli, volume: string, directory: string, flags: MountFlags): Promise<void> {
  const tell = process.env[TELLS] === '1' ? (told: Told) => void process.send?.(told) : undefined
  try {
    const mounted = await start(await loadFuse(), volume, directory, flags)
    const at = mounted.directory
    if (tell === undefined) await cli.output.result({ volume, directory: at }, `mounted ${volume} on ${at}`)
    else {
      tell({ mounted: at })
      process.disconnect()
    }
    const end = (): void => void takeAway(cli, mounted)
    cli.signal.addEventListener('abort', end, { once: true })
    // Stopped while it was being mounted.
    if (cli.signal.aborted) end()
    await mounted.closed
  } catch (error) {
    const { code = 'ERR', message } = error as NodeJS.ErrnoException
    if (process.connected) tell?.({ refused: { code, message } })
    throw error
  }
}

type Mounted = Awaited<ReturnType<FusePackage['mountVolume']>>

function start(fuse: FusePackage, volume: string, directory: string, flags: MountFlags): Promise<Mounted> {
  const {
    readOnly = false,
    snapshot,
    cacheSeconds,
    ownChecks = false,
    writeback = false,
    kernelLocks = false,
    allowOther,
  } = flags
  const at = resolve(volume)
  return fuse.mountVolume(volume, directory, {
    readOnly,
    writeback,
    locks: kernelLocks ? 'kernel' : 'volume',
    defaultPermissions: !ownChecks,
    ...(allowOther ? {} : { allowOther }),
    ...(cacheSeconds === undefined ? {} : { entrySeconds: cacheSeconds, attributeSeconds: cacheSeconds }),
    // What df shows; the table of mounts has no room for such names.
    ...(/[\s,\\#]/.test(at) || at.length > 200 ? {} : { source: at }),
    ...(snapshot === undefined ? {} : { snapshot }),
    volume: { create: false, readOnly },
  })
}

/** A signal ends a mount in the ordinary way: at once for who comes, for who is still in it when he is done. */
async function takeAway(cli: Cli, mounted: Mounted): Promise<void> {
  try {
    await mounted.unmount()
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'FUSE_BUSY') throw error
    cli.output.note(`${mounted.directory} is in use; it ends with its last user, or at once when stopped again`)
    await mounted.unmount({ lazy: true })
  }
}

async function background(cli: Cli, volume: string, directory: string, flags: MountFlags): Promise<void> {
  const { readOnly, snapshot, allowOther, ownChecks, cacheSeconds, writeback, kernelLocks } = flags
  const given = [
    ...(readOnly === true ? ['--read-only'] : []),
    ...(snapshot === undefined ? [] : [`--snapshot=${snapshot}`]),
    ...(allowOther ? [] : ['--no-allow-other']),
    ...(ownChecks === true ? ['--own-checks'] : []),
    ...(cacheSeconds === undefined ? [] : ['--cache-seconds', `${cacheSeconds}`]),
    ...(writeback === true ? ['--writeback'] : []),
    ...(kernelLocks === true ? ['--kernel-locks'] : []),
  ]
  const program = [...process.execArgv, process.argv[1]!, 'mount', ...given, '--', volume, directory]
  const child = spawn(process.execPath, program, {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...process.env, [TELLS]: '1' },
  })
  const told = await new Promise<Told>((done, failed) => {
    child.once('message', (message) => done(message as Told))
    child.once('error', failed)
    child.once('exit', (code, signal) => failed(new Error(`the mount ended with ${signal ?? code}`)))
  })
  if ('refused' in told) {
    const { code, message } = told.refused
    throw Object.assign(new Error(message), { code })
  }
  child.removeAllListeners('exit').unref()
  const { pid } = child
  await cli.output.result(
    { volume, directory: told.mounted, pid },
    `mounted ${volume} on ${told.mounted} (process ${pid})`,
  )
}
