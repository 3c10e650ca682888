import { InvalidArgumentError, Option } from 'commander'
import { type Cli, command, withVolume } from '../context.ts'
import { parseOwner } from '../owner.ts'

interface MkfsFlags {
  label?: string
  extentBytes?: number
  owner?: string
  engine?: 'level' | 'lsm'
}

function integer(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('a whole number is needed')
  return value
}

/** `vivefs mkfs` */
export function mkfs(cli: Cli): void {
  command(cli, 'mkfs <VOLUME>', 'make a volume in a new or empty directory', [
    'vivefs mkfs photos.vive --label "family photos"',
    'vivefs mkfs work.vive --engine level',
  ])
    .option('--label <TEXT>', 'a name for people')
    .option(
      '--extent-bytes <BYTES>',
      'size of the pieces that files are kept in, a power of two (default 65536)',
      integer,
    )
    .addOption(
      new Option(
        '--engine <NAME>',
        'what keeps it: lsm (default), with which every synchronous call works, or level',
      ).choices(['level', 'lsm']),
    )
    .option('--owner <UID:GID>', 'owner of the root directory (default: you)')
    .action(async (volume: string, flags: MkfsFlags) => {
      const owner = flags.owner === undefined ? undefined : parseOwner(flags.owner)
      const options = {
        create: 'exclusive' as const,
        ...(flags.label === undefined ? {} : { label: flags.label }),
        ...(flags.extentBytes === undefined ? {} : { extentBytes: flags.extentBytes }),
        ...(flags.engine === undefined ? {} : { engine: flags.engine }),
        ...(owner === undefined
          ? {}
          : { owner: { uid: Number(owner.user ?? 0), gid: Number(owner.group ?? owner.user ?? 0) } }),
      }
      await withVolume(
        cli,
        volume,
        async ({ vive }) => {
          const { volumeId, engine } = vive
          await cli.output.result({ volume, volumeId, engine }, `made volume ${volumeId} in ${volume}`)
        },
        options,
      )
    })
}
