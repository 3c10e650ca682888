import { type Command, InvalidArgumentError } from 'commander'
import type { QuotaLimits } from '../../format/quota.ts'
import type { QuotaKind } from '../../format/quota-kind.ts'
import type { QuotaReport } from '../../quota/volume-quotas.ts'
import type { ViveFS } from '../../vivefs.ts'
import { type Cli, command, withVolume } from '../context.ts'
import { humanBytes, humanCount, table } from '../output.ts'
import { accountNames, resolveOwner } from '../owner.ts'
import { UsageError } from '../usage.ts'
import { volumePathOf } from '../volume-path.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40, P: 2 ** 50 }

/** `500`, `10K`, `1.5G`: powers of 1024; `none` and 0 are no limit. */
function amount(text: string): number {
  if (text === 'none') return 0
  const parts = /^(\d+(?:\.\d+)?)([KMGTP]?)(?:iB|B)?$/i.exec(text)
  const value = parts === null ? Number.NaN : Math.round(Number(parts[1]) * (UNITS[parts[2]!.toUpperCase()] ?? 1))
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('a number, or one with K, M, G, T, P, or none')
  return value
}

const DURATIONS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `10m`, `12h`, `7d`: ms. */
function duration(text: string): number {
  const parts = /^(\d{1,9})([smhd])$/.exec(text)
  if (parts === null) throw new InvalidArgumentError('a time: 90s, 10m, 12h, 7d')
  return Number(parts[1]) * DURATIONS[parts[2]!]!
}

interface Flags extends Partial<QuotaLimits> {
  readonly user?: string
  readonly group?: string
  readonly project?: string
  readonly graceBytes?: number
  readonly graceInodes?: number
}

interface Choice {
  readonly kind: QuotaKind
  readonly text: string
}

function choiceOf(flags: Flags): Choice {
  const given = (['user', 'group', 'project'] as const).filter((kind) => flags[kind] !== undefined)
  if (given.length !== 1) throw new UsageError('one of --user, --group and --project is needed')
  return { kind: given[0]!, text: flags[given[0]!]! }
}

async function idOf(vive: ViveFS, { kind, text }: Choice): Promise<number> {
  if (kind === 'project') {
    if (!/^\d{1,10}$/.test(text)) throw new UsageError(`'${text}' is no number of a project`)
    return Number(text)
  }
  const { uid, gid } = await resolveOwner(vive, kind === 'user' ? text : `:${text}`)
  return (kind === 'user' ? uid : gid)!
}

const choices = (to: Command): Command =>
  to
    .option('--user <USER>', 'a user, by number or name')
    .option('--group <GROUP>', 'a group, by number or name')
    .option('--project <NUMBER>', 'a project, by its number')

function set(cli: Cli): void {
  choices(
    command(cli, 'set <VOLUME>', 'set limits, and turn quotas on; what is not named stays', [
      'vivefs quota set photos.vive --user alice --bytes-soft 10G --bytes-hard 12G',
      'vivefs quota set photos.vive --project 7 --inodes-hard 100000 --grace-inodes 3d',
    ]),
  )
    .option('--bytes-soft <N>', 'may be exceeded for the time of the grace: 500, 10K, 1.5G, none', amount)
    .option('--bytes-hard <N>', 'is never exceeded', amount)
    .option('--inodes-soft <N>', 'files, directories and all else, soft', amount)
    .option('--inodes-hard <N>', 'the same, hard', amount)
    .option(
      '--grace-bytes <TIME>',
      'of all users (groups, projects) above their soft limit of bytes: 12h, 7d',
      duration,
    )
    .option('--grace-inodes <TIME>', 'the same for inodes', duration)
    .action(async (source: string, flags: Flags) => {
      const { volume } = volumePathOf(source)
      const choice = choiceOf(flags)
      const { bytesSoft, bytesHard, inodesSoft, inodesHard, graceBytes, graceInodes } = flags
      const all = { bytesSoft, bytesHard, inodesSoft, inodesHard }
      const limits = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
      await withVolume(cli, volume, async ({ vive }) => {
        const id = await idOf(vive, choice)
        await vive.quotas.set(choice.kind, id, limits)
        const grace = {
          ...(graceBytes === undefined ? {} : { bytesMs: graceBytes }),
          ...(graceInodes === undefined ? {} : { inodesMs: graceInodes }),
        }
        if (Object.keys(grace).length > 0) await vive.quotas.setGrace(choice.kind, grace)
        if (cli.output.json) await cli.output.result(vive.quotas.get(choice.kind, id), '')
      })
    })
}

/** Above the hard limit, or above the soft one: `+`, and when the grace ends. */
function graceText(ends: number | undefined): string {
  return ends === undefined ? '' : new Date(ends).toISOString().slice(0, 16)
}

const limitText = (limit: number, show: (n: number) => string): string => (limit === 0 ? '-' : show(limit))

function report(cli: Cli): void {
  command(cli, 'report <VOLUME>', 'what users, groups and projects use and may use; --json prints one line each', [
    'vivefs quota report photos.vive',
  ]).action(async (source: string) => {
    const { volume } = volumePathOf(source)
    await withVolume(
      cli,
      volume,
      async ({ vive }) => {
        if (!vive.quotas.isOn) cli.output.note('quotas are off')
        const { user, group } = await accountNames(vive)
        const nameOf = ({ kind, id }: QuotaReport): string =>
          kind === 'user' ? user(id) : kind === 'group' ? group(id) : String(id)
        const rows = [['', 'owner', 'bytes', 'soft', 'hard', 'until', 'inodes', 'soft', 'hard', 'until']]
        for (const each of vive.quotas.isOn ? vive.quotas.report() : []) {
          if (cli.output.json) {
            await cli.output.item({ ...each, name: nameOf(each) }, '')
            continue
          }
          const { used, limits, graceEnds } = each
          rows.push([
            each.kind,
            nameOf(each),
            humanBytes(used.bytes),
            limitText(limits.bytesSoft, humanBytes),
            limitText(limits.bytesHard, humanBytes),
            graceText(graceEnds.bytesMs),
            humanCount(used.inodes),
            limitText(limits.inodesSoft, humanCount),
            limitText(limits.inodesHard, humanCount),
            graceText(graceEnds.inodesMs),
          ])
        }
        if (cli.output.json || !vive.quotas.isOn) return
        const right = [false, false, true, true, true, false, true, true, true, false]
        for (const line of table(rows, right)) await cli.output.line(line)
      },
      { readOnly: true },
    )
  })
}

function off(cli: Cli): void {
  command(cli, 'off <VOLUME>', 'turn quotas off; limits are kept for the next time', [
    'vivefs quota off photos.vive',
  ]).action(async (source: string) => {
    await withVolume(cli, volumePathOf(source).volume, async ({ vive }) => {
      const changed = vive.quotas.isOn
      await vive.quotas.off()
      if (cli.output.json) await cli.output.result({ changed }, '')
    })
  })
}

function on(cli: Cli): void {
  command(cli, 'on <VOLUME>', 'turn quotas on: counts what is in use', ['vivefs quota on photos.vive']).action(
    async (source: string) => {
      await withVolume(cli, volumePathOf(source).volume, async ({ vive }) => {
        const changed = !vive.quotas.isOn
        await vive.quotas.on({ signal: cli.signal })
        if (cli.output.json) await cli.output.result({ changed }, '')
      })
    },
  )
}

function assign(cli: Cli): void {
  command(
    cli,
    'assign <VOLUME:PATH> <NUMBER>',
    'give a directory and all below it to a project; 0 takes it out of any',
    ['vivefs quota assign photos.vive:/years 7'],
  ).action(async (source: string, text: string) => {
    if (!/^\d{1,10}$/.test(text)) throw new UsageError(`'${text}' is no number of a project`)
    const { volume, path } = volumePathOf(source)
    await withVolume(cli, volume, async ({ vive }) => {
      const changed = await vive.quotas.assign(path, Number(text), { signal: cli.signal })
      if (cli.output.json) await cli.output.result({ changed }, '')
    })
  })
}

/** `vivefs quota` */
export function quota(cli: Cli): void {
  const program = cli.program
    .command('quota')
    .description('limits on what users, groups and projects use')
    .helpOption('--help', 'show this')
    .addHelpText('after', '\nExample:\n  $ vivefs quota set photos.vive --user alice --bytes-hard 10G\n')
  // Sub-commands set the exit code of the whole run.
  const sub: Cli = {
    ...cli,
    program,
    get exitCode() {
      return cli.exitCode
    },
    set exitCode(code) {
      cli.exitCode = code
    },
  }
  for (const declare of [set, report, on, off, assign]) declare(sub)
}
