import { Command, CommanderError } from 'commander'
import type { FileKind } from '../storage/storage.ts'
import { dump } from './dump.ts'
import { type MapOptions, map, type WatchOptions, watch } from './map.ts'
import { repairCommand } from './repair.ts'
import { type SimulateCommandOptions, simulateCommand, type TraceCommandOptions, traceCommand } from './simulate.ts'
import { stats } from './stats.ts'
import { verify } from './verify.ts'

/** Where a command writes. */
export interface Output {
  readonly line: (text: string) => void
  readonly complain: (text: string) => void
}

export interface CommonOptions {
  readonly json?: boolean
  /** A file that describes the media of the database. */
  readonly media?: string
}

const MEDIA =
  'JSON: { "media": { name: spec }, "home": [name], "policy": "ladder:a,b" }, for a database on media of its own'

const EXAMPLES = `
Examples:
  vivelsm stats ./db
  vivelsm dump ./db                      the files
  vivelsm dump ./db table 17 --json      every entry of a table, one JSON object a line
  vivelsm verify ./db && echo sound
  vivelsm map ./db --html map.html       levels, files and media in a picture
  vivelsm watch ./db                     the same in the terminal, live
  vivelsm trace > mixed.jsonl && vivelsm simulate --policy ladder:dram,nvme,smr --trace mixed.jsonl
  vivelsm repair ./db --dry-run

Exit codes: 0 all is well; 1 damage was found or something failed; 2 wrong arguments.
Only repair writes. The others may look at a database that is being written.`

function fileOf(kind: string, number: string | undefined): { kind: FileKind; number: number } {
  if (kind !== 'log' && kind !== 'manifest' && kind !== 'table' && kind !== 'blob')
    throw new CommanderError(2, 'lsm.kind', `${kind}: log, manifest, table or blob`)
  if (number === undefined) throw new CommanderError(2, 'lsm.number', `which ${kind}?`)
  if (!/^\d{1,10}$/.test(number)) throw new CommanderError(2, 'lsm.number', `${number} is not a file number`)
  return { kind, number: Number(number) }
}

/** Runs the command; answers with the exit code. */
export async function run(args: readonly string[], output: Output): Promise<number> {
  let code = 0
  const program = new Command('vivelsm')
    .description('Looks into an LSM database, and repairs one.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.line(text.trimEnd()),
      writeErr: (text) => output.complain(text.trimEnd()),
    })
    .addHelpText('after', EXAMPLES)
  program
    .command('stats <location>')
    .description('levels, sizes, numbers')
    .option('--media <file>', MEDIA)
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  vivelsm stats ./db --json')
    .action(async (location: string, o: CommonOptions) => {
      await stats(location, o, output)
    })
  program
    .command('dump <location> [kind] [number]')
    .description('the files; or what is in one: log, manifest, table or blob')
    .option('--media <file>', 'as for stats')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExamples:\n  vivelsm dump ./db\n  vivelsm dump ./db manifest 3')
    .action(async (location: string, kind: string | undefined, number: string | undefined, o: CommonOptions) => {
      code = await dump(location, kind === undefined ? undefined : fileOf(kind, number), o, output)
    })
  program
    .command('map <location>')
    .description('where everything is: levels by media')
    .option('--media <file>', 'as for stats')
    .option('--policy <name>', 'the policy that its writer has, as for simulate; default: as the file of media says')
    .option('--html <file>', 'writes a page with a picture: files by size, garbage, age and heat')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  vivelsm map ./db --html map.html')
    .action(async (location: string, o: MapOptions) => {
      await map(location, o, output)
    })
  program
    .command('watch <location>')
    .description('the map again and again, while somebody writes')
    .option('--media <file>', 'as for stats')
    .option('--policy <name>', 'as for map')
    .option('--every <seconds>', 'time between two looks', '2')
    .option('--count <looks>', 'ends after so many')
    .option('--json', 'one JSON object for every look')
    .addHelpText('after', '\nExample:\n  vivelsm watch ./db --every 1')
    .action(async (location: string, o: WatchOptions) => {
      await watch(location, o, output)
    })
  program
    .command('trace')
    .description('prints operations for simulate: JSON lines')
    .option('--workload <name>', 'fill, mixed or archive', 'mixed')
    .option('--count <n>', 'operations, about', '20000')
    .option('--value <bytes>', 'bytes of a value', '400')
    .option('--seed <n>', 'another one, another trace', '1')
    .option('--json', 'as without it')
    .addHelpText('after', '\nExample:\n  vivelsm trace --workload archive > archive.jsonl')
    .action((o: TraceCommandOptions) => traceCommand(o, output))
  program
    .command('simulate')
    .description('replays a trace on simulated media: what would a policy cost?')
    .requiredOption(
      '--policy <file>',
      'a module whose default export is a policy; or ladder:a,b,c, single:a, archive:hot,cold,tape',
    )
    .requiredOption('--trace <file>', 'operations, as trace prints them')
    .option(
      '--media <file>',
      'JSON: { "media": { name: spec }, "home": [name] }; default simulators dram, nvme, smr, tape',
    )
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  vivelsm simulate --policy archive:nvme,smr,tape --trace archive.jsonl')
    .action(async (o: SimulateCommandOptions) => {
      await simulateCommand(o, output)
    })
  program
    .command('verify <location>')
    .description('reads everything and says what is not as it was written')
    .option('--media <file>', 'as for stats')
    .option('--json', 'one JSON object for every finding, a line each')
    .addHelpText('after', '\nExample:\n  vivelsm verify ./db && echo sound')
    .action(async (location: string, o: CommonOptions) => {
      code = await verify(location, o, output)
    })
  program
    .command('repair <location>')
    .description('rebuilds a lost manifest from the tables and logs that are there')
    .option('--dry-run', 'says what would be done')
    .option('--media <file>', 'as for stats')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nKept snapshots are forgotten.\n\nExample:\n  vivelsm repair ./db --dry-run')
    .action(async (location: string, o: CommonOptions & { dryRun?: boolean }) => {
      code = await repairCommand(location, o, output)
    })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0
      if (error.code.startsWith('lsm.')) output.complain(`vivelsm: ${error.message}`)
      return 2
    }
    output.complain(`vivelsm: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}
