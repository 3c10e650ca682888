import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { receive } from '../../send/open.ts'
import { type Cli, command, withVolume } from '../context.ts'
import { humanBytes, humanCount } from '../output.ts'
import { volumePathOf } from '../volume-path.ts'

/** `vivefs send` */
export function sendCommand(cli: Cli): void {
  command(cli, 'send <VOLUME> <SNAPSHOT>', 'a snapshot as a checksummed stream, whole or since an earlier one', [
    'vivefs send photos.vive monday > monday.vivesend',
    'vivefs send photos.vive tuesday --from monday | ssh backup vivefs receive photos.vive',
  ])
    .option('--from <SNAPSHOT>', 'only what differs from that one, which the receiver has')
    .option('-o, --output <FILE>', 'there instead of stdout')
    .action(async (source: string, name: string, flags: { from?: string; output?: string }) => {
      const { volume } = volumePathOf(source)
      const options = { signal: cli.signal, ...(flags.from === undefined ? {} : { from: flags.from }) }
      await withVolume(
        cli,
        volume,
        async ({ vive }) => {
          if (flags.output === undefined) {
            for await (const piece of vive.send(name, options)) await cli.output.write(piece)
            return
          }
          let bytes = 0
          const file = createWriteStream(flags.output, { flags: 'wx' })
          for await (const piece of vive.send(name, options)) {
            bytes += piece.length
            if (!file.write(piece)) await once(file, 'drain')
          }
          file.end()
          await finished(file)
          await cli.output.result({ snapshot: name, bytes, output: flags.output }, `sent ${humanBytes(bytes)}`)
        },
        { readOnly: true },
      )
    })
}

/** `vivefs receive` */
export function receiveCommand(cli: Cli): void {
  command(cli, 'receive <VOLUME> [FILE]', 'make a volume of a stream, or bring it to the later snapshot', [
    'vivefs receive copy.vive monday.vivesend',
    'vivefs receive copy.vive < tuesday.vivesend',
  ]).action(async (target: string, file: string | undefined) => {
    const { volume } = volumePathOf(target)
    const source = file === undefined ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 })
    const report = await receive(volume, source, { signal: cli.signal })
    const { snapshot, rows, bytes } = report
    const text = `received ${snapshot}: ${humanCount(rows)} rows, ${humanBytes(bytes)}`
    await cli.output.result(report, text)
  })
}
