import { InvalidArgumentError } from 'commander'
import { printable } from '../../transfer/findings.ts'
import { type Cli, command, SNAPSHOT, withVolume } from '../context.ts'
import { matcher } from '../glob.ts'
import { jsonBytes, jsonInode, letterOf, walkVolume } from '../tree-walk.ts'
import { volumePathOf } from '../volume-path.ts'

const TYPES = 'fdlpscb'

function typeLetter(text: string): string {
  if (text.length !== 1 || !TYPES.includes(text)) throw new InvalidArgumentError(`one of ${[...TYPES].join(' ')}`)
  return text
}

/** `vivefs find` */
export function find(cli: Cli): void {
  command(cli, 'find <VOLUME[:PATH]>', 'paths below a directory; --json prints one line for each', [
    "vivefs find photos.vive:/years --name '*.jpg' --type f",
  ])
    .option('--name <GLOB>', 'the last name matches: * ? [a-z] [!a-z] \\')
    .option('--type <LETTER>', 'f file, d directory, l symbolic link, p FIFO, s socket, c and b devices', typeLetter)
    .option('-0, --print0', 'end paths with NUL, bytes as they are')
    .option(...SNAPSHOT)
    .action(async (source: string, flags: { name?: string; type?: string; print0?: boolean; snapshot?: string }) => {
      const { volume, path } = volumePathOf(source)
      const matches = flags.name === undefined ? () => true : matcher(flags.name)
      await withVolume(
        cli,
        volume,
        async ({ core }) => {
          for await (const visited of walkVolume(core, path, cli.signal)) {
            const { inode } = visited
            if (flags.type !== undefined && letterOf(inode) !== flags.type) continue
            if (!matches(visited.name)) continue
            if (flags.print0 === true) await cli.output.write(Buffer.concat([visited.path, Buffer.alloc(1)]))
            else
              await cli.output.item(
                { ...jsonBytes('path', visited.path), ...jsonInode(inode) },
                printable(visited.path),
              )
          }
        },
        { readOnly: true, snapshot: flags.snapshot },
      )
    })
}
