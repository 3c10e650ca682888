import { parseArgs } from 'node:util'
import { type Medium, openMedium, scanMedia } from '@vivefs/media'
import { dumpVolume } from '../dump.ts'
import { isPfaofError } from '../error.ts'
import { Volume } from '../volume.ts'

/** `pfaof ls | dump | scrub | media`: looks into a volume without writing to it. Exit codes: 0 sound, 1 damage or failure, 2 wrong use. */

const HELP = `pfaof: look into a volume of append-only files. Nothing is written.

  pfaof ls    NAME=MEDIUM...              files, sizes, places
  pfaof dump  NAME=MEDIUM... [--zone N] [--medium NAME]   every chunk and table edit
  pfaof scrub NAME=MEDIUM...              reads everything that is alive
  pfaof media                             what storage this machine has, and which driver fits

NAME is the medium's name in the volume; MEDIUM is a directory, or a medium spec as JSON.

  --json      one JSON object a line
  --help      this text

Example:
  pfaof ls ssd=/var/lib/app/volume --json
  pfaof scrub ssd=/var/lib/app/volume hdd='{"kind":"directory","path":"/mnt/hdd/volume"}'
  pfaof media --json

Exit codes: 0 all is sound; 1 damage was found or something failed; 2 wrong arguments.
`

class UsageError extends Error {}

function plain(value: unknown): string {
  return Object.entries(value as Record<string, unknown>)
    .filter(([, field]) => field !== undefined)
    .map(([key, field]) => `${key}=${typeof field === 'object' ? JSON.stringify(field) : String(field)}`)
    .join(' ')
}

async function openAll(places: readonly string[]): Promise<Record<string, Medium>> {
  if (places.length === 0) throw new UsageError('which media? NAME=MEDIUM')
  const media: Record<string, Medium> = {}
  try {
    for (const place of places) {
      const cut = place.indexOf('=')
      if (cut < 1) throw new UsageError(`${place}: expected NAME=MEDIUM`)
      const where = place.slice(cut + 1)
      let spec: unknown = { kind: 'directory', path: where }
      if (where.startsWith('{')) {
        try {
          spec = JSON.parse(where)
        } catch {
          throw new UsageError(`${where}: not JSON`)
        }
      }
      media[place.slice(0, cut)] = await openMedium({ ...(spec as { kind: string }), readOnly: true })
    }
    return media
  } catch (error) {
    for (const medium of Object.values(media)) await medium.close()
    throw error
  }
}

/** Runs the command; returns the exit code. `out` gets lines for standard output, `complain` those for standard error. */
export async function main(
  argv: readonly string[],
  out: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
  complain: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<number> {
  try {
    return await run(argv, out)
  } catch (error) {
    const usage =
      error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true
    complain(`pfaof: ${error instanceof Error ? error.message : String(error)}`)
    if (usage) complain("Try 'pfaof --help'.")
    return usage ? 2 : 1
  }
}

async function run(argv: readonly string[], out: (line: string) => void): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      zone: { type: 'string' },
      medium: { type: 'string' },
    },
  })
  if (values.help) {
    out(HELP.trimEnd())
    return 0
  }
  const [command, ...places] = positionals
  if (command === 'media') {
    if (places.length > 0) throw new UsageError(`media takes no arguments, not ${places[0]}`)
    for (const found of await scanMedia()) out(values.json ? JSON.stringify(found) : plain(found))
    return 0
  }
  if (command !== 'ls' && command !== 'dump' && command !== 'scrub')
    throw new UsageError(`unknown command ${command ?? ''}`)
  const zone = values.zone === undefined ? undefined : Number(values.zone)
  if (zone !== undefined && !(Number.isSafeInteger(zone) && zone >= 0)) throw new UsageError(`--zone ${values.zone}`)
  const print = (value: object) => out(values.json ? JSON.stringify(value) : plain(value))
  const media = await openAll(places)
  try {
    if (command === 'dump') {
      for await (const entry of dumpVolume(media, {
        ...(zone === undefined ? {} : { zone }),
        ...(values.medium === undefined ? {} : { medium: values.medium }),
      })) {
        print(entry)
      }
      return 0
    }
    const volume = await Volume.open({ media, readOnly: true })
    try {
      if (command === 'ls') {
        for (const info of volume.list()) print(info)
        for (const snapshot of volume.snapshots())
          print({ snapshot: snapshot.name, createdMs: snapshot.createdMs, files: snapshot.files })
        return 0
      }
      let findings = 0
      for await (const finding of volume.scrub()) {
        findings++
        print(finding)
      }
      return findings === 0 ? 0 : 1
    } finally {
      await volume.close()
    }
  } catch (error) {
    if (isPfaofError(error, 'PFAOF_NO_VOLUME')) throw new Error(`${error.message} (is NAME right?)`, { cause: error })
    throw error
  } finally {
    for (const medium of Object.values(media)) await medium.close()
  }
}
