import { isDirectory, isSymlink } from '../../core/mode.ts'
import type { Inode } from '../../format/inode.ts'
import { type Cli, command, type OpenVolume, withVolume } from '../context.ts'
import { parseMode } from '../mode-text.ts'
import { parseOwner, resolveOwner } from '../owner.ts'
import { inodeAtPath, walkVolume } from '../tree-walk.ts'
import { pathInSameVolume, volumePathOf } from '../volume-path.ts'

interface RightsFlags {
  recursive?: boolean
}

/** Does something to each path, with `-R` also to all below it; answers how many. */
async function forEach(
  cli: Cli,
  { core }: OpenVolume,
  paths: readonly string[],
  flags: RightsFlags,
  change: (path: Buffer, inode: Inode) => Promise<void>,
): Promise<number> {
  let count = 0
  for (const path of paths) {
    if (flags.recursive === true) {
      for await (const { path: below, inode } of walkVolume(core, path, cli.signal)) {
        await change(below, inode)
        count++
      }
    } else {
      await change(Buffer.from(path), await inodeAtPath(core, path, true))
      count++
    }
  }
  return count
}

/** `vivefs chmod` */
export function chmod(cli: Cli): void {
  command(
    cli,
    'chmod <MODE> <VOLUME:PATH> [PATHS...]',
    'change permissions: 0644, or u+x,g-w,o=r (first `--` for modes like -w)',
    ['vivefs chmod -R u=rwX,go=rX photos.vive:/years'],
  )
    .option('-R, --recursive', 'all below too; symbolic links are left alone')
    .action(async (text: string, first: string, rest: string[], flags: RightsFlags) => {
      const mode = parseMode(text)
      const { volume, path } = volumePathOf(first)
      const paths = [path, ...rest.map((each) => pathInSameVolume(each, volume))]
      await withVolume(cli, volume, async (open) => {
        const changed = await forEach(cli, open, paths, flags, async (each, inode) => {
          if (!isSymlink(inode)) await open.fs.chmod(each, mode(inode.mode, isDirectory(inode)))
        })
        if (cli.output.json) await cli.output.result({ changed }, '')
      })
    })
}

/** `vivefs chown` */
export function chown(cli: Cli): void {
  command(
    cli,
    'chown <USER[:GROUP]> <VOLUME:PATH> [PATHS...]',
    'change owners, by numbers or by names of users and groups of the volume',
    ['vivefs chown -R 1000:1000 photos.vive:/years'],
  )
    .option('-R, --recursive', 'all below too')
    .action(async (text: string, first: string, rest: string[], flags: RightsFlags) => {
      parseOwner(text)
      const { volume, path } = volumePathOf(first)
      const paths = [path, ...rest.map((each) => pathInSameVolume(each, volume))]
      await withVolume(cli, volume, async (open) => {
        const owner = await resolveOwner(open.vive, text)
        const changed = await forEach(cli, open, paths, flags, async (each, inode) => {
          const act = flags.recursive === true ? open.fs.lchown : open.fs.chown
          await act(each, owner.uid ?? inode.uid, owner.gid ?? inode.gid)
        })
        if (cli.output.json) await cli.output.result({ changed }, '')
      })
    })
}
