import { isDirectory } from '../../core/mode.ts'
import { printable } from '../../transfer/findings.ts'
import { type Cli, command, withVolume } from '../context.ts'
import { humanBytes, humanCount, table } from '../output.ts'
import { jsonBytes, type Visited, walkVolume } from '../tree-walk.ts'
import { volumePathOf } from '../volume-path.ts'

interface Sum {
  readonly visited: Visited
  bytes: number
  entries: number
}

/** `vivefs du` */
export function du(cli: Cli): void {
  command(
    cli,
    'du <VOLUME[:PATH]>',
    'bytes in use below each directory (holes are free, a file with several names counts once); --json prints one line each',
    ['vivefs du -s photos.vive:/years'],
  )
    .option('-s, --summarize', 'only the sum')
    .option('-b, --bytes', 'exact bytes')
    .action(async (source: string, flags: { summarize?: boolean; bytes?: boolean }) => {
      const { volume, path } = volumePathOf(source)
      const show = async ({ visited, bytes, entries }: Sum): Promise<void> => {
        if (flags.summarize === true && visited.depth > 0) return
        const amount = flags.bytes === true ? String(bytes) : humanBytes(bytes)
        const item = { ...jsonBytes('path', visited.path), bytes, entries }
        await cli.output.item(item, `${amount}\t${printable(visited.path)}`)
      }
      await withVolume(
        cli,
        volume,
        async ({ core }) => {
          const seen = new Set<number>()
          // The directories above the entry at hand, outermost first.
          const open: Sum[] = []
          const closeTo = async (depth: number): Promise<void> => {
            while (open.length > depth) {
              const sum = open.pop()!
              const above = open.at(-1)
              if (above !== undefined) {
                above.bytes += sum.bytes
                above.entries += sum.entries
              }
              await show(sum)
            }
          }
          for await (const visited of walkVolume(core, path, cli.signal)) {
            const { inode, depth } = visited
            await closeTo(depth)
            const isCounted = inode.nlink < 2 || isDirectory(inode) || !seen.has(inode.ino)
            if (inode.nlink > 1 && !isDirectory(inode)) seen.add(inode.ino)
            const bytes = isCounted ? inode.allocatedBytes : 0
            const above = open.at(-1)
            if (isDirectory(inode) || above === undefined) open.push({ visited, bytes, entries: 1 })
            else {
              above.bytes += bytes
              above.entries++
            }
          }
          await closeTo(0)
        },
        { readOnly: true },
      )
    })
}

/** `vivefs df` */
export function df(cli: Cli): void {
  command(cli, 'df <VOLUME>', 'space in use and left; --json prints one document', ['vivefs df photos.vive']).action(
    async (source: string) => {
      const { volume } = volumePathOf(source)
      await withVolume(
        cli,
        volume,
        async ({ vive }) => {
          const space = vive.space()
          if (cli.output.json) return await cli.output.result({ volume, volumeId: vive.volumeId, ...space }, '')
          const free = space.freeBytes === undefined ? 'unknown' : humanBytes(space.freeBytes)
          const rows = [
            ['volume', 'used', 'free', 'inodes'],
            [volume, humanBytes(space.usedBytes), free, humanCount(space.inodes)],
          ]
          for (const line of table(rows, [false, true, true, true])) await cli.output.line(line)
        },
        { readOnly: true },
      )
    },
  )
}
