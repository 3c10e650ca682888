import type { SnapshotChange } from '../../snapshot/diff.ts'
import { printable } from '../../transfer/findings.ts'
import { type Cli, command, withVolume } from '../context.ts'
import { humanBytes, humanCount, table } from '../output.ts'
import { jsonBytes } from '../tree-walk.ts'
import { volumePathOf } from '../volume-path.ts'

const READS = { readOnly: true }

/** The commands below a command. */
function below(cli: Cli, name: string, description: string): Cli {
  const program = cli.program.command(name).description(description).helpOption('--help', 'show this')
  return Object.create(cli, { program: { value: program } }) as Cli
}

/** `vivefs snapshot` */
export function snapshot(cli: Cli): void {
  const inner = below(cli, 'snapshot', 'what a volume was at other times: create, list, diff, rollback, delete')
  const name = 'vivefs snapshot'
  command(inner, 'create <VOLUME> <NAME>', 'take a snapshot', [`${name} create photos.vive monday`]).action(
    async (source: string, called: string) => {
      await withVolume(cli, volumePathOf(source).volume, async ({ vive }) => {
        const made = await vive.snapshots.create(called)
        await cli.output.result(made, `snapshot ${called}: ${humanCount(made.inodes)} inodes`)
      })
    },
  )
  command(inner, 'list <VOLUME>', 'the snapshots, oldest first; --json prints one line each', [
    `${name} list photos.vive`,
  ]).action(async (source: string) => {
    await withVolume(cli, volumePathOf(source).volume, ({ vive }) => list(cli, vive.snapshots.list()), READS)
  })
  command(inner, 'diff <VOLUME> <FROM> [TO]', 'what changed between two snapshots, or since one; --json prints lines', [
    `${name} diff photos.vive monday`,
    `${name} diff photos.vive monday tuesday --json`,
  ]).action(async (source: string, from: string, to: string | undefined) => {
    const show = async (change: SnapshotChange): Promise<void> => {
      const { kind, pathBytes, ino, isDirectory } = change
      const text = `${kind.padEnd(8)}  ${printable(pathBytes)}${isDirectory && pathBytes.length > 1 ? '/' : ''}`
      await cli.output.item({ kind, ...jsonBytes('path', pathBytes), ino, isDirectory }, text)
    }
    await withVolume(
      cli,
      volumePathOf(source).volume,
      async ({ vive }) => {
        for await (const change of vive.snapshots.diff(from, to, { signal: cli.signal })) await show(change)
      },
      READS,
    )
  })
  command(inner, 'rollback <VOLUME> <NAME>', 'make the volume again what it was; snapshots and forks stay', [
    `${name} rollback photos.vive monday`,
  ]).action(async (source: string, called: string) => {
    await withVolume(cli, volumePathOf(source).volume, async ({ vive }) => {
      await vive.snapshots.rollback(called)
      await cli.output.result({ name: called }, `the volume is what it was at snapshot ${called}`)
    })
  })
  command(inner, 'delete <VOLUME> <NAME>', 'delete a snapshot and what only it kept', [
    `${name} delete photos.vive monday`,
  ]).action(async (source: string, called: string) => {
    await withVolume(cli, volumePathOf(source).volume, async ({ vive }) => {
      await vive.snapshots.delete(called)
      await vive.settle()
      await cli.output.result({ name: called }, `deleted snapshot ${called}`)
    })
  })
}

async function list(
  cli: Cli,
  all: readonly { name: string; created: Date; inodes: number; dataBytes: number }[],
): Promise<void> {
  if (cli.output.json) {
    for (const each of all) await cli.output.item(each, '')
    return
  }
  const rows = all.map(({ name, created, inodes, dataBytes }) => [
    printable(Buffer.from(name)),
    created.toISOString(),
    humanCount(inodes),
    humanBytes(dataBytes),
  ])
  for (const line of table([['snapshot', 'created', 'inodes', 'data'], ...rows], [false, false, true, true])) {
    await cli.output.line(line)
  }
}

/** `vivefs fork` */
export function fork(cli: Cli): void {
  const inner = below(
    cli,
    'fork',
    'writable copies of a volume that share what they do not change: create, list, delete',
  )
  command(inner, 'create <VOLUME> <NAME>', 'make a fork of the volume as it is, or of a snapshot', [
    'vivefs fork create photos.vive trial',
    'vivefs fork create photos.vive trial --from monday',
  ])
    .option('--from <SNAPSHOT>', 'the snapshot that it begins as')
    .action(async (source: string, called: string, { from }: { from?: string }) => {
      await withVolume(cli, volumePathOf(source).volume, async ({ vive }) => {
        await vive.fork(from, called)
        await cli.output.result({ name: called, ...(from === undefined ? {} : { from }) }, `fork ${called}`)
      })
    })
  command(inner, 'list <VOLUME>', 'the forks; --json prints one line each', ['vivefs fork list photos.vive']).action(
    async (source: string) => {
      await withVolume(
        cli,
        volumePathOf(source).volume,
        async ({ vive }) => {
          for (const { name, created, from } of vive.forks.list()) {
            const text = `${printable(Buffer.from(name))}  ${created.toISOString()}  ${printable(Buffer.from(from ?? '-'))}`
            await cli.output.item({ name, created, from }, text)
          }
        },
        READS,
      )
    },
  )
  command(inner, 'delete <VOLUME> <NAME>', 'delete a fork', ['vivefs fork delete photos.vive trial']).action(
    async (source: string, called: string) => {
      await withVolume(cli, volumePathOf(source).volume, async ({ vive }) => {
        await vive.forks.delete(called)
        await vive.settle()
        await cli.output.result({ name: called }, `deleted fork ${called}`)
      })
    },
  )
}
