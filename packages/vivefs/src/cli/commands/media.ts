import { writeFileSync } from 'node:fs'
import type { MediaMap } from '../../engine/engine.ts'
import { mapTools } from '../../engine/media-file.ts'
import { ViveError } from '../../errors.ts'
import { ViveFS } from '../../vivefs.ts'
import { type Cli, command, withVolume } from '../context.ts'
import { humanBytes, humanCount, table } from '../output.ts'
import { UsageError } from '../usage.ts'
import { volumePathOf } from '../volume-path.ts'

interface Flags {
  /** A file that describes the media of the volume. */
  readonly media?: string
  /** Instead of the policy that the file names. */
  readonly policy?: string
}

/** `vivefs map` */
export function map(cli: Cli): void {
  const usage = 'where the data lies: levels by media, with sizes and garbage; --json prints every file'
  const examples = ['vivefs map photos.vive', 'vivefs map --media archive.json --html map.html']
  onMedia(command(cli, 'map [VOLUME]', usage, examples))
    .option('--html <FILE>', 'writes a page with a picture: files by size, garbage, age and heat')
    .action(async (source: string | undefined, flags: Flags & { html?: string }) => {
      await withMap(cli, source, flags, async (view, title) => {
        if (flags.html !== undefined) {
          const { mapPage } = await mapTools()
          writeFileSync(flags.html, mapPage(view, title))
          return await cli.output.result({ written: flags.html }, `written: ${flags.html}`)
        }
        if (cli.output.json) return await cli.output.result(view, '')
        await cli.output.line(`policy ${view.policy ?? 'not told: --policy says which one the writer has'}`)
        for (const line of await mapLines(view)) await cli.output.line(line)
      })
    })
}

/** `vivefs media` */
export function media(cli: Cli): void {
  const usage = 'the media of a volume: state, space, and what each can do; --json prints one document'
  const examples = ['vivefs media --media archive.json', 'vivefs media photos.vive --json']
  onMedia(command(cli, 'media [VOLUME]', usage, examples)).action(async (source: string | undefined, flags: Flags) => {
    await withMap(cli, source, flags, async ({ media: all }) => {
      if (cli.output.json) return await cli.output.result({ media: all }, '')
      const head = ['medium', 'state', 'used', 'free', 'reads', 'loss of power', 'space returns']
      for (const line of table([head, ...all.map(mediumRow)], [false, false, true, true, false, false, false]))
        await cli.output.line(line)
    })
  })
}

function onMedia(to: ReturnType<typeof command>): ReturnType<typeof command> {
  return to
    .option(
      '--media <FILE>',
      'instead of VOLUME, for one on media of its own: JSON, { "media": { name: spec }, "home": [name], "policy": "ladder:a,b" }',
    )
    .option(
      '--policy <NAME>',
      'the policy that its writer has: ladder:a,b,c, single:a, archive:hot,cold,tape, or a module',
    )
}

/** The map of a volume in a directory, or on the media that a file describes. It is only read. */
async function withMap(
  cli: Cli,
  source: string | undefined,
  flags: Flags,
  use: (view: MediaMap, title: string) => Promise<void>,
): Promise<void> {
  if ((source === undefined) === (flags.media === undefined)) throw new UsageError('either VOLUME or --media FILE')
  if (source !== undefined) {
    const { volume } = volumePathOf(source)
    return await withVolume(cli, volume, ({ vive }) => use(mapOf(vive, volume), volume), { readOnly: true })
  }
  const { openMediaFile } = await mapTools()
  const path = flags.media!
  const { close, ...where } = await openMediaFile(path, { readOnly: true, policy: flags.policy })
  try {
    const vive = await ViveFS.open(where, { create: false, readOnly: true })
    try {
      await use(mapOf(vive, path), path)
    } finally {
      await vive.close()
    }
  } finally {
    await close()
  }
}

function mapOf(vive: ViveFS, name: string): MediaMap {
  const view = vive.mediaMap()
  if (view !== undefined) return view
  throw new ViveError('ERR_VIVEFS_UNSUPPORTED', `${name}: only a volume on the engine lsm knows where its data lies`)
}

async function mapLines(view: MediaMap): Promise<string[]> {
  const { mapCell, mapRows } = await mapTools()
  const names = view.media.map(({ name }) => name)
  const rows = mapRows(view).map((row) => {
    const cells = names.map((name) => {
      const { files, bytes, garbageBytes } = mapCell(view, row, name)
      if (files.length === 0) return ''
      const garbage = garbageBytes === 0 ? '' : `, ${Math.round((100 * garbageBytes) / bytes)} % garbage`
      return `${humanBytes(bytes)} in ${humanCount(files.length)} ${files.length === 1 ? 'file' : 'files'}${garbage}`
    })
    return [row.title, ...cells]
  })
  const head = ['', ...names]
  return table(
    [head, ...rows],
    head.map(() => false),
  )
}

function mediumRow({
  name,
  state,
  liveBytes,
  availableBytes,
  sync,
  durable,
  writeOnce,
}: MediaMap['media'][number]): string[] {
  return [
    name,
    state,
    humanBytes(liveBytes),
    humanBytes(availableBytes),
    sync ? 'at once' : 'by promises',
    durable ? 'survives' : 'forgets',
    writeOnce ? 'as a whole' : 'file by file',
  ]
}
