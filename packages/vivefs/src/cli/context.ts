/** What all commands share: how they are declared, and how they get at a volume. */
import type { Command } from 'commander'
import type { Core } from '../core/core.ts'
import type { VivePromises } from '../face/types.ts'
import { viewOf } from '../snapshot/mount.ts'
import { coreOf, type OpenOptions, ViveFS } from '../vivefs.ts'
import type { Output } from './output.ts'

/** One run of the program. */
export interface Cli {
  readonly program: Command
  readonly output: Output
  readonly signal: AbortSignal
  /** What the run will end with unless something throws. */
  exitCode: number
}

/** A volume that a command has open, as the superuser. */
export interface OpenVolume {
  readonly vive: ViveFS
  readonly core: Core
  readonly fs: VivePromises
}

/** Declares a command: every one knows `--json` and shows an example. */
export function command(cli: Cli, usage: string, description: string, examples: readonly string[]): Command {
  return cli.program
    .command(usage)
    .description(description)
    .option('--json', 'machine-readable output on stdout, errors as {"error":{...}} on stderr')
    .on('option:json', () => {
      cli.output.json = true
    })
    .helpOption('--help', 'show this')
    .addHelpText(
      'after',
      `\nExample${examples.length > 1 ? 's' : ''}:\n${examples.map((each) => `  $ ${each}`).join('\n')}\n`,
    )
}

export interface VolumeOptions extends OpenOptions {
  /** `core` and `fs` show the volume as it was at this snapshot. */
  readonly snapshot?: string | undefined
}

/** The option of commands that only read. */
export const SNAPSHOT = ['--snapshot <NAME>', 'as it was at this snapshot'] as const

/** Opens a volume for one command and closes it whatever happens. Without options the volume must exist. ENOENT: no such snapshot. */
export async function withVolume<T>(
  cli: Cli,
  volume: string,
  body: (open: OpenVolume) => Promise<T>,
  { snapshot, ...options }: VolumeOptions = {},
): Promise<T> {
  cli.signal.throwIfAborted()
  const vive = await ViveFS.open(volume, { create: false, ...options })
  try {
    const core = coreOf(vive)
    if (snapshot === undefined) return await body({ vive, core, fs: vive.root.fs.promises })
    return await body({ vive, core: viewOf(core, snapshot), fs: vive.snapshot(snapshot).root.fs.promises })
  } finally {
    await vive.close()
  }
}
