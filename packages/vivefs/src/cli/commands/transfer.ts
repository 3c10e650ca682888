import { InvalidArgumentError } from 'commander'
import { exportTree } from '../../transfer/export.ts'
import { importTree } from '../../transfer/import.ts'
import { verifyTree } from '../../transfer/verify.ts'
import { type Cli, command, SNAPSHOT, withVolume } from '../context.ts'
import { humanCount } from '../output.ts'
import { ProgressLine } from '../progress.ts'
import { showReport } from '../report.ts'
import { volumePathOf } from '../volume-path.ts'

interface TransferFlags {
  readonly follow?: boolean
  readonly salvage?: boolean
  overwrite?: boolean
  owners: boolean
  quiet?: boolean
  exclude?: string[]
  mtimeTolerance?: number
  snapshot?: string
}

const EXCLUDE = 'leave this host path out (may be given again)'
const OVERWRITE = 'merge into what is there and replace files'
const collect = (value: string, before: string[] = []): string[] => [...before, value]

async function withProgress<T>(
  cli: Cli,
  flags: TransferFlags,
  body: (options: { onProgress?: ProgressLine['update']; signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const line = new ProgressLine(cli.output.streams, { quiet: flags.quiet === true || cli.output.json })
  const { callback } = line
  try {
    return await body({ ...(callback === undefined ? {} : { onProgress: callback }), signal: cli.signal })
  } finally {
    line.end()
  }
}

/** `vivefs import` */
export function importCommand(cli: Cli): void {
  command(
    cli,
    'import <DIR|FILE> <VOLUME[:PATH]>',
    'copy a directory, or one file, of this machine into a volume; makes the volume if there is none',
    [
      'vivefs import ./photos photos.vive',
      'vivefs import ./2026 photos.vive:/years/2026',
      'vivefs import ./cover.jpg photos.vive:/years/2026/',
    ],
  )
    .option('--overwrite', OVERWRITE)
    .option('--no-owners', 'everything belongs to the superuser of the volume')
    .option('--exclude <PATH>', EXCLUDE, collect)
    .option('-q, --quiet', 'no progress')
    .action(async (source: string, target: string, flags: TransferFlags) => {
      const { volume, path } = volumePathOf(target)
      const report = await withVolume(
        cli,
        volume,
        ({ vive }) =>
          withProgress(cli, flags, (options) =>
            importTree(vive, source, path, {
              ...options,
              owners: flags.owners,
              overwrite: flags.overwrite === true,
              ...(flags.exclude === undefined ? {} : { exclude: flags.exclude }),
            }),
          ),
        { create: true },
      )
      await showReport(cli.output, 'imported', report)
      const { skipped = 0 } = report.findingCounts
      if (report.findingCount > skipped) cli.exitCode = 1
    })
}

/** `vivefs export` */
export function exportCommand(cli: Cli): void {
  command(cli, 'export <VOLUME[:PATH]> <DIR>', 'copy a directory of a volume to this machine', [
    'vivefs export photos.vive:/years/2026 ./restored',
  ])
    .option('--overwrite', OVERWRITE)
    .option('--no-owners', 'everything belongs to you')
    .option(...SNAPSHOT)
    .option('--follow', 'beside the writer, as the volume is now (lsm)')
    .option('--salvage', 'of a damaged volume, what can be read; what is lost is said')
    .option('-q, --quiet', 'no progress')
    .action(async (source: string, directory: string, flags: TransferFlags) => {
      const { volume, path } = volumePathOf(source)
      const report = await withVolume(
        cli,
        volume,
        ({ vive }) => {
          for (const lost of vive.lost) cli.output.note(`lost: ${lost}`)
          return withProgress(cli, flags, (options) =>
            exportTree(vive, path, directory, {
              ...options,
              overwrite: flags.overwrite === true,
              ...(flags.owners ? {} : { owners: false }),
              ...(flags.snapshot === undefined ? {} : { snapshot: flags.snapshot }),
            }),
          )
        },
        {
          readOnly: true,
          ...(flags.follow === true ? { follow: { everyMs: 0 } } : {}),
          salvage: flags.salvage === true,
        },
      )
      await showReport(cli.output, 'exported', report)
      if (report.findingCount > 0) cli.exitCode = 1
    })
}

function nanoseconds(text: string): number {
  const value = Number(text)
  if (!(Number.isSafeInteger(value) && value >= 0)) throw new InvalidArgumentError('nanoseconds are needed')
  return value
}

/** `vivefs verify` */
export function verifyCommand(cli: Cli): void {
  command(
    cli,
    'verify <DIR> <VOLUME[:PATH]>',
    'compare a directory of this machine with a volume, both ways; exit code 1 when they differ',
    ['vivefs verify ./photos photos.vive', 'vivefs verify ./restored photos.vive --mtime-tolerance 2000'],
  )
    .option('--no-owners', 'do not compare owners')
    .option(
      '--mtime-tolerance <NS>',
      'let times differ by this many nanoseconds (exports are exact to 1 us)',
      nanoseconds,
    )
    .option('-q, --quiet', 'no progress')
    .action(async (directory: string, source: string, flags: TransferFlags) => {
      const { volume, path } = volumePathOf(source)
      const report = await withVolume(
        cli,
        volume,
        ({ vive }) =>
          withProgress(cli, flags, (options) =>
            verifyTree(directory, vive, path, {
              ...options,
              owners: flags.owners,
              mtimeToleranceNs: flags.mtimeTolerance ?? 0,
            }),
          ),
        { readOnly: true },
      )
      await showReport(cli.output, 'compared', report)
      if (report.findingCount === 0) return cli.output.json ? undefined : await cli.output.line('no differences')
      cli.exitCode = 1
      if (!cli.output.json) await cli.output.line(`${humanCount(report.findingCount)} differences`)
    })
}
