import { InvalidArgumentError } from 'commander'
import type { ChangesKeep } from '../../feed/options.ts'
import type { ChangedFile, ChangeEntry } from '../../feed/read.ts'
import { printable } from '../../transfer/findings.ts'
import { type Cli, command, withVolume } from '../context.ts'
import { humanBytes, humanCount } from '../output.ts'
import { UsageError } from '../usage.ts'
import { volumePathOf } from '../volume-path.ts'

interface Flags {
  readonly since?: number
  readonly follow?: boolean
  readonly status?: boolean
  readonly on?: boolean
  readonly off?: boolean
  readonly keepCount?: number
  readonly keepBytes?: number
  readonly keepAge?: number
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new InvalidArgumentError('a whole number')
  return number
}

/** `vivefs changes` */
export function changes(cli: Cli): void {
  command(cli, 'changes <VOLUME>', 'what changed, by whom and when; --json prints one line for each entry', [
    'vivefs changes photos.vive --on --keep-bytes 268435456',
    'vivefs changes photos.vive --since 0',
    'vivefs changes photos.vive --follow --json',
  ])
    .option('--since <SEQ>', 'behind that entry; 0 (default): from the oldest', wholeNumber)
    .option('--follow', 'go on with what happens from now on; with --since from there')
    .option('--status', 'only what the feed holds')
    .option('--on', 'turn the feed on, or change its bounds')
    .option('--off', 'turn the feed off; what it holds goes')
    .option('--keep-count <N>', 'with --on: entries to keep', wholeNumber)
    .option('--keep-bytes <N>', 'with --on: bytes to keep (default 64 MiB)', wholeNumber)
    .option('--keep-age <SECONDS>', 'with --on: how long to keep entries', wholeNumber)
    .action(async (source: string, flags: Flags) => {
      const { volume } = volumePathOf(source)
      if (flags.on === true && flags.off === true) throw new UsageError('--on or --off')
      const keep = keepOf(flags)
      if (keep !== undefined && flags.on !== true) throw new UsageError('--keep-... goes with --on')
      if (flags.on === true) return await configure(cli, volume, keep ?? true)
      if (flags.off === true) return await configure(cli, volume, false)
      if (flags.status === true)
        return await withVolume(cli, volume, (open) => showStatus(cli, open.vive.changeFeed), READS)
      await show(cli, volume, flags)
    })
}

const READS = { readOnly: true }

function keepOf({ keepCount, keepBytes, keepAge }: Flags): ChangesKeep | undefined {
  if (keepCount === undefined && keepBytes === undefined && keepAge === undefined) return undefined
  return {
    ...(keepCount === undefined ? {} : { count: keepCount }),
    ...(keepBytes === undefined ? {} : { bytes: keepBytes }),
    ...(keepAge === undefined ? {} : { ageMs: keepAge * 1000 }),
  }
}

async function configure(cli: Cli, volume: string, keep: boolean | ChangesKeep): Promise<void> {
  await withVolume(cli, volume, async ({ vive }) => {
    await vive.keepChanges(keep)
    await showStatus(cli, vive.changeFeed)
  })
}

type Status = { isOn: boolean; first: number; last: number; entries: number; bytes: number } | undefined

async function showStatus(cli: Cli, status: Status): Promise<void> {
  if (status?.isOn !== true) return await cli.output.result({ isOn: false }, 'the change feed is off')
  const { entries, bytes, first, last } = status
  const text = `the change feed is on: ${humanCount(entries)} entries, ${humanBytes(bytes)}, ${first} to ${last}`
  await cli.output.result(status, text)
}

async function show(cli: Cli, volume: string, { since, follow = false }: Flags): Promise<void> {
  await withVolume(
    cli,
    volume,
    async ({ vive }) => {
      const from = since ?? (follow ? undefined : 0)
      const options = { follow, signal: cli.signal, ...(from === undefined ? {} : { since: from }) }
      for await (const entry of vive.changes(options)) await cli.output.item(jsonOf(entry), textOf(entry))
      cli.signal.throwIfAborted()
    },
    // Beside whoever writes: what nobody can write has nothing to follow.
    follow ? { ...READS, follow: true } : READS,
  )
}

const jsonOf = ({ changes: list, ...entry }: ChangeEntry): unknown => ({
  ...entry,
  changes: list.map(({ nameBytes, to, ...change }) => ({
    ...change,
    ...(isUtf8(nameBytes) ? {} : { nameBase64: nameBytes!.toString('base64') }),
    ...(to === undefined ? {} : { to: { directory: to.directory, name: to.name, path: to.path } }),
  })),
})

const isUtf8 = (bytes: Buffer | undefined): boolean =>
  bytes === undefined || Buffer.from(bytes.toString()).equals(bytes)

const textOf = ({ seq, time, uid, changes: list }: ChangeEntry): string =>
  list.map((change) => `${seq}  ${time.toISOString()}  ${uid}  ${lineOf(change)}`).join('\n')

function lineOf({ kind, ino, path, name, to }: ChangedFile): string {
  const shown = path ?? (name === undefined ? `#${ino}` : `?/${name}`)
  const target = to === undefined ? '' : ` -> ${printable(Buffer.from(to.path ?? `?/${to.name}`))}`
  return `${kind.padEnd(6)}  ${printable(Buffer.from(shown))}${target}`
}
