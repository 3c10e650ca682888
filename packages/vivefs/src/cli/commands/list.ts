import { isDirectory, isSymlink } from '../../core/mode.ts'
import type { Inode } from '../../format/inode.ts'
import { printable } from '../../transfer/findings.ts'
import { type Cli, command, SNAPSHOT, withVolume } from '../context.ts'
import { lastName } from '../names.ts'
import { table } from '../output.ts'
import { accountNames } from '../owner.ts'
import { entriesOf, inodeAtPath, jsonBytes, jsonInode, letterOf, modeText, timeText, walkVolume } from '../tree-walk.ts'
import { volumePathOf } from '../volume-path.ts'

interface ListFlags {
  l?: boolean
  all?: boolean
  snapshot?: string
}

const sizeText = (inode: Inode): string => {
  if ('cb'.includes(letterOf(inode))) return `${inode.rdevMajor}, ${inode.rdevMinor}`
  return String(isDirectory(inode) ? inode.entries : inode.size)
}

const arrow = (inode: Inode): string => (isSymlink(inode) ? ` -> ${printable(inode.target)}` : '')

/** `vivefs ls` */
export function ls(cli: Cli): void {
  command(cli, 'ls <VOLUME[:PATH]>', 'list a directory, or show one entry; --json prints one document', [
    'vivefs ls -l photos.vive:/years',
  ])
    .option('-l', 'mode, links, owner, group, size (of a directory: entries), time (UTC), target')
    .option('-a, --all', 'names that start with a dot too')
    .option(...SNAPSHOT)
    .action(async (source: string, flags: ListFlags) => {
      const { volume, path } = volumePathOf(source)
      await withVolume(
        cli,
        volume,
        async ({ vive, core }) => {
          const inode = await inodeAtPath(core, path, flags.l !== true || path.endsWith('/'))
          const all = isDirectory(inode)
            ? await entriesOf(core, inode.ino)
            : [{ name: Buffer.from(lastName(path)), inode }]
          const entries = all.filter(({ name }) => flags.all === true || name[0] !== 0x2e)
          if (cli.output.json) {
            const document = entries.map((entry) => ({ ...jsonBytes('name', entry.name), ...jsonInode(entry.inode) }))
            return await cli.output.result(document, '')
          }
          if (flags.l !== true) {
            for (const { name } of entries) await cli.output.line(printable(name))
            return
          }
          const names = await accountNames(vive)
          const rows = entries.map((entry) => [
            modeText(entry.inode),
            String(entry.inode.nlink),
            names.user(entry.inode.uid),
            names.group(entry.inode.gid),
            sizeText(entry.inode),
            timeText(entry.inode.mtime),
            printable(entry.name) + arrow(entry.inode),
          ])
          for (const line of table(rows, [false, true, false, false, true, false, false])) await cli.output.line(line)
        },
        { readOnly: true, snapshot: flags.snapshot },
      )
    })
}

/** `vivefs tree` */
export function tree(cli: Cli): void {
  command(cli, 'tree <VOLUME[:PATH]>', 'show a directory and all below it; --json prints one line for each entry', [
    'vivefs tree photos.vive --depth 2',
  ])
    .option('-L, --depth <N>', 'go at most this deep', Number)
    .option(...SNAPSHOT)
    .action(async (source: string, flags: { depth?: number; snapshot?: string }) => {
      const { volume, path } = volumePathOf(source)
      await withVolume(
        cli,
        volume,
        async ({ core }) => {
          let directories = 0
          let others = 0
          for await (const visited of walkVolume(core, path, cli.signal, flags.depth)) {
            const { inode, name, depth, isLast } = visited
            if (depth > 0) isDirectory(inode) ? directories++ : others++
            const rails = isLast.slice(0, -1).map((last) => (last ? '    ' : '│   '))
            const branch = depth === 0 ? '' : isLast[depth - 1] ? '└── ' : '├── '
            const shown = depth === 0 ? path : printable(name) + arrow(inode)
            await cli.output.item(
              { ...jsonBytes('path', visited.path), ...jsonInode(inode) },
              rails.join('') + branch + shown,
            )
          }
          if (!cli.output.json) await cli.output.line(`\n${directories} directories, ${others} files`)
        },
        { readOnly: true, snapshot: flags.snapshot },
      )
    })
}

/** `vivefs stat` */
export function stat(cli: Cli): void {
  command(cli, 'stat <VOLUME:PATH>', 'show all that is known of one entry; --json prints one document', [
    'vivefs stat photos.vive:/years/2026/beach.jpg',
  ])
    .option('--follow', 'of what a symbolic link leads to')
    .option(...SNAPSHOT)
    .action(async (source: string, flags: { follow?: boolean; snapshot?: string }) => {
      const { volume, path } = volumePathOf(source)
      await withVolume(
        cli,
        volume,
        async ({ vive, core, fs }) => {
          const inode = await inodeAtPath(core, path, flags.follow === true)
          const options = flags.follow === true ? {} : { follow: false }
          const xattrs = inode.xattrs === 0 ? [] : await fs.listxattr(path, options)
          if (cli.output.json) return await cli.output.result({ path, ...jsonInode(inode), xattrs }, '')
          const names = await accountNames(vive)
          const lines = [
            ['path', path + arrow(inode)],
            ['type', String(jsonInode(inode).type)],
            ['inode', String(inode.ino)],
            ['mode', `${(inode.mode & 0o7777).toString(8).padStart(4, '0')} ${modeText(inode)}`],
            ['links', String(inode.nlink)],
            ['owner', `${names.user(inode.uid)}:${names.group(inode.gid)} (${inode.uid}:${inode.gid})`],
            [isDirectory(inode) ? 'entries' : 'size', sizeText(inode)],
            ['allocated', String(inode.allocatedBytes)],
            ['accessed', timeText(inode.atime, true)],
            ['modified', timeText(inode.mtime, true)],
            ['changed', timeText(inode.ctime, true)],
            ['born', timeText(inode.birthtime, true)],
            ...(xattrs.length > 0 ? [['attributes', xattrs.join(' ')]] : []),
          ]
          for (const line of table(lines, [false, false])) await cli.output.line(line)
        },
        { readOnly: true, snapshot: flags.snapshot },
      )
    })
}
