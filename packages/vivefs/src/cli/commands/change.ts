import { isDirectory } from '../../core/mode.ts'
import { type Cli, command, type OpenVolume, withVolume } from '../context.ts'
import { lastName } from '../names.ts'
import { inodeAtPath } from '../tree-walk.ts'
import { UsageError } from '../usage.ts'
import { pathInSameVolume, volumePathOf } from '../volume-path.ts'

/** Sources and the last argument: into it when it is a directory, else onto it, which only one source can. */
async function placesFor(open: OpenVolume, sources: readonly string[], target: string): Promise<[string, string][]> {
  const inode = await inodeAtPath(open.core, target, true).catch(() => undefined)
  if (inode !== undefined && isDirectory(inode)) {
    return sources.map((source) => [source, `${target.replace(/\/+$/, '')}/${lastName(source)}`])
  }
  if (sources.length > 1) throw new UsageError(`'${target}' is no directory, and there are ${sources.length} sources`)
  return sources.map((source) => [source, target])
}

function pathsOf(texts: readonly string[]): { volume: string; paths: string[] } {
  const [first = '', ...rest] = texts
  const { volume, path } = volumePathOf(first)
  return { volume, paths: [path, ...rest.map((text) => pathInSameVolume(text, volume))] }
}

function sourcesAndTarget(texts: readonly string[]): { volume: string; sources: string[]; target: string } {
  const { volume, paths } = pathsOf(texts)
  const target = paths.pop()
  if (target === undefined || paths.length === 0) throw new UsageError('a source and a target are needed')
  return { volume, sources: paths, target }
}

/** `vivefs cp` */
export function cp(cli: Cli): void {
  command(cli, 'cp <VOLUME:PATH> <PATHS...>', 'copy inside a volume; the last path is the target', [
    'vivefs cp -r photos.vive:/years/2026 /backup',
  ])
    .option('-r, --recursive', 'directories with all that is in them')
    .option('-p, --preserve', 'keep the times')
    .action(async (first: string, rest: string[], flags: { recursive?: boolean; preserve?: boolean }) => {
      const { volume, sources, target } = sourcesAndTarget([first, ...rest])
      await withVolume(cli, volume, async (open) => {
        const places = await placesFor(open, sources, target)
        for (const [from, to] of places) {
          cli.signal.throwIfAborted()
          const options = {
            recursive: flags.recursive === true,
            preserveTimestamps: flags.preserve === true,
            verbatimSymlinks: true,
          }
          await open.fs.cp(from, to, options)
        }
        await say(cli, { copied: places })
      })
    })
}

/** `vivefs mv` */
export function mv(cli: Cli): void {
  command(cli, 'mv <VOLUME:PATH> <PATHS...>', 'rename or move inside a volume; the last path is the target', [
    'vivefs mv photos.vive:/inbox/beach.jpg /years/2026/',
  ]).action(async (first: string, rest: string[]) => {
    const { volume, sources, target } = sourcesAndTarget([first, ...rest])
    await withVolume(cli, volume, async (open) => {
      const places = await placesFor(open, sources, target)
      for (const [from, to] of places) {
        cli.signal.throwIfAborted()
        await open.fs.rename(from, to)
      }
      await say(cli, { moved: places })
    })
  })
}

/** `vivefs rm` */
export function rm(cli: Cli): void {
  command(cli, 'rm <VOLUME:PATH> [PATHS...]', 'remove files, with -r directories', [
    'vivefs rm -r photos.vive:/inbox /trash',
  ])
    .option('-r, --recursive', 'directories with all that is in them')
    .option('-f, --force', 'what is not there is no error')
    .action(async (first: string, rest: string[], flags: { recursive?: boolean; force?: boolean }) => {
      const { volume, paths } = pathsOf([first, ...rest])
      if (paths.some((path) => lastName(path) === '/')) throw new UsageError('the root of a volume stays')
      await withVolume(cli, volume, async ({ vive, fs }) => {
        for (const path of paths) {
          cli.signal.throwIfAborted()
          await fs.rm(path, { recursive: flags.recursive === true, force: flags.force === true })
        }
        await vive.settle()
        await say(cli, { removed: paths })
      })
    })
}

/** `vivefs ln` */
export function ln(cli: Cli): void {
  command(
    cli,
    'ln <TARGET> <LINK>',
    'one more name for a file (VOLUME:PATH PATH), or with -s a symbolic link (TEXT VOLUME:PATH)',
    ['vivefs ln photos.vive:/years/2026/beach.jpg /best/beach.jpg', 'vivefs ln -s ../years/2026 photos.vive:/best/now'],
  )
    .option('-s, --symbolic', 'a symbolic link that holds TARGET as it is')
    .option('-f, --force', 'replace a link that is there')
    .action(async (target: string, link: string, flags: { symbolic?: boolean; force?: boolean }) => {
      const isSymbolic = flags.symbolic === true
      const { volume, path } = volumePathOf(isSymbolic ? link : target)
      const linkPath = isSymbolic ? path : pathInSameVolume(link, volume)
      await withVolume(cli, volume, async ({ fs }) => {
        if (flags.force === true) await fs.rm(linkPath, { force: true })
        if (isSymbolic) await fs.symlink(target, linkPath)
        else await fs.link(path, linkPath)
        await say(cli, { link: linkPath, target: isSymbolic ? target : path })
      })
    })
}

/** `vivefs mkdir` */
export function mkdir(cli: Cli): void {
  command(cli, 'mkdir <VOLUME:PATH> [PATHS...]', 'make directories', ['vivefs mkdir -p photos.vive:/years/2026 /best'])
    .option('-p, --parents', 'those above too; what is there is no error')
    .action(async (first: string, rest: string[], flags: { parents?: boolean }) => {
      const { volume, paths } = pathsOf([first, ...rest])
      await withVolume(cli, volume, async ({ fs }) => {
        for (const path of paths) await fs.mkdir(path, { recursive: flags.parents === true })
        await say(cli, { made: paths })
      })
    })
}

/** Commands that change something say nothing, except to machines. */
async function say(cli: Cli, document: unknown): Promise<void> {
  if (cli.output.json) await cli.output.result(document, '')
}
