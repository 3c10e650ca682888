import { convertVolume } from '../../convert/convert.ts'
import { type Cli, command } from '../context.ts'
import { humanBytes, humanCount } from '../output.ts'
import { volumePathOf } from '../volume-path.ts'

/** `vivefs convert` */
export function convert(cli: Cli): void {
  command(
    cli,
    'convert <VOLUME>',
    'move a volume from level to lsm: copied, every row compared, then switched; go on after an interruption by saying it again',
    ['vivefs convert photos.vive'],
  ).action(async (source: string) => {
    const { volume } = volumePathOf(source)
    const report = await convertVolume(volume, { signal: cli.signal })
    const { rows, bytes, converted } = report
    const text = converted
      ? `converted ${humanCount(rows)} rows, ${humanBytes(bytes)}; the volume is on lsm`
      : 'the volume is on lsm already'
    await cli.output.result({ engine: 'lsm', ...report }, text)
  })
}
