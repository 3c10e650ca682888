import { type Cli, command, withVolume } from '../context.ts'
import { humanCount } from '../output.ts'
import { ProgressLine } from '../progress.ts'
import { volumePathOf } from '../volume-path.ts'

/** `vivefs fsck` */
export function fsck(cli: Cli): void {
  command(
    cli,
    'fsck <VOLUME>',
    'check every rule of a volume; exit code 1 when something is wrong (with --repair: still wrong afterwards); --json prints one document',
    ['vivefs fsck photos.vive --repair'],
  )
    .option('--repair', 'put right what is wrong; nothing is deleted that could be data')
    .option('-q, --quiet', 'no progress')
    .action(async (source: string, flags: { repair?: boolean; quiet?: boolean }) => {
      const { volume } = volumePathOf(source)
      const repair = flags.repair === true
      const line = new ProgressLine(cli.output.streams, {
        quiet: flags.quiet === true || cli.output.json,
        unit: 'count',
      })
      const { callback } = line
      const options = { ...(callback === undefined ? {} : { onProgress: callback }), signal: cli.signal }
      await withVolume(
        cli,
        volume,
        async ({ vive }) => {
          let report = await vive.fsck({ ...options, repair })
          const found = report
          if (repair && !report.clean) report = await vive.fsck(options)
          line.end()
          if (!report.clean) cli.exitCode = 1
          if (cli.output.json) {
            return await cli.output.result(repair ? { ...found, cleanAfterRepair: report.clean } : found, '')
          }
          for (const { code, severity, ino, message, ...rest } of found.findings) {
            const repaired = 'repaired' in rest && rest.repaired === true ? ' (repaired)' : ''
            await cli.output.line(
              `${severity} ${code}${ino === undefined ? '' : ` inode ${ino}`}: ${message}${repaired}`,
            )
          }
          const hidden = found.findingsTotal - found.findings.length
          if (hidden > 0) await cli.output.line(`... and ${humanCount(hidden)} more`)
          const { inodes, dirents, extents } = report.counts
          const looked = `${humanCount(inodes)} inodes, ${humanCount(dirents)} names, ${humanCount(extents)} extents`
          const verdict = found.clean
            ? 'clean'
            : `${humanCount(found.findingsTotal)} findings${repair ? (report.clean ? ', all repaired' : ', not all repaired') : ''}`
          await cli.output.line(`${verdict}: ${looked} in ${found.seconds.toFixed(1)} s`)
        },
        repair ? { salvage: true } : { readOnly: true },
      ).finally(() => line.end())
    })
}
