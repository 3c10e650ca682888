/** The program `vivefs`: all commands, and what becomes of their errors. */
import { Command, CommanderError } from 'commander'
import { getfacl, setfacl } from './commands/acl.ts'
import { cat } from './commands/cat.ts'
import { cp, ln, mkdir, mv, rm } from './commands/change.ts'
import { changes } from './commands/changes.ts'
import { convert } from './commands/convert.ts'
import { find } from './commands/find.ts'
import { fsck } from './commands/fsck.ts'
import { ls, stat, tree } from './commands/list.ts'
import { map, media } from './commands/media.ts'
import { mkfs } from './commands/mkfs.ts'
import { mount } from './commands/mount.ts'
import { quota } from './commands/quota.ts'
import { chmod, chown } from './commands/rights.ts'
import { receiveCommand, sendCommand } from './commands/send.ts'
import { fork, snapshot } from './commands/snapshot.ts'
import { df, du } from './commands/space.ts'
import { exportCommand, importCommand, verifyCommand } from './commands/transfer.ts'
import { umount } from './commands/umount.ts'
import type { Cli } from './context.ts'
import { hintFor } from './hint.ts'
import { Output, PipeClosed, type Streams } from './output.ts'
import { UsageError } from './usage.ts'
import { version } from './version.ts'

export const EXIT_OK = 0
/** The thing failed, or differences were found. */
export const EXIT_FAILED = 1
/** The command line makes no sense. */
export const EXIT_USAGE = 2
/** Stopped by ^C. */
export const EXIT_INTERRUPTED = 130

const NOTES = `
VOLUME is a directory that holds a volume. VOLUME:/PATH is a path inside: the first ":/" separates them, so a path may
hold colons; VOLUME:PATH counts from the volume's root. Commands act as the superuser of the volume. Names that are not
UTF-8, and control characters, are shown as \\xNN.

Exit codes: 0 success, 1 it failed or differences were found, 2 the command line makes no sense, 130 stopped by ^C (the
volume is sound).
`

/**
 * Runs one command line (without the program's own name) and answers the exit code. Never throws. `signal` stops it
 * between two steps, after which the volume is closed and sound.
 */
export async function run(
  argv: readonly string[],
  streams: Streams,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const output = new Output(streams)
  const pipe = new AbortController()
  const onError = (): void => pipe.abort(new PipeClosed())
  streams.stdout.on('error', onError)
  const cli: Cli = {
    program: programFor(output),
    output,
    signal: AbortSignal.any([signal, pipe.signal]),
    exitCode: EXIT_OK,
  }
  for (const declare of [
    mkfs,
    importCommand,
    exportCommand,
    verifyCommand,
    ls,
    tree,
    cat,
    stat,
    cp,
    mv,
    rm,
    ln,
    mkdir,
    chmod,
    chown,
    getfacl,
    setfacl,
    quota,
    du,
    df,
    map,
    media,
    find,
    changes,
    snapshot,
    fork,
    convert,
    sendCommand,
    receiveCommand,
    fsck,
    mount,
    umount,
  ]) {
    declare(cli)
  }
  const named = cli.program.commands.find((each) => each.name() === argv[0])
  const about = {
    name: named?.name() ?? '',
    overwrites: named?.options.some(({ long }) => long === '--overwrite') === true,
  }
  const say = (error: unknown): void => output.error(error, hintFor(error, about))
  try {
    if (argv.length === 0) {
      cli.program.outputHelp({ error: true })
      return EXIT_USAGE
    }
    await cli.program.parseAsync([...argv], { from: 'user' })
    return cli.exitCode
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_OK
      say(new UsageError(error.message.replace(/^error: /, '')))
      return EXIT_USAGE
    }
    if (error instanceof UsageError) {
      say(error)
      return EXIT_USAGE
    }
    if (error instanceof PipeClosed) return EXIT_OK
    if (signal.aborted) {
      output.note('interrupted; the volume is sound')
      return EXIT_INTERRUPTED
    }
    say(error)
    return EXIT_FAILED
  } finally {
    streams.stdout.off('error', onError)
  }
}

function programFor(output: Output): Command {
  const { stdout, stderr } = output.streams
  return new Command('vivefs')
    .description('a crash-safe filesystem in a directory: put trees in, look at them, get them back')
    .version(version)
    .helpOption('--help', 'show this')
    .addHelpText('after', NOTES)
    .exitOverride()
    .showHelpAfterError(false)
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      // Said once, in our own form, by the caller.
      outputError: () => {},
    })
}
