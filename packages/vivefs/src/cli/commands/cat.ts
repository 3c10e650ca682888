import { FilesystemError } from '../../errors.ts'
import { type Cli, command, SNAPSHOT, withVolume } from '../context.ts'
import { pathInSameVolume, volumePathOf } from '../volume-path.ts'

const PIECE_BYTES = 256 * 1024

/** `vivefs cat` */
export function cat(cli: Cli): void {
  command(
    cli,
    'cat <VOLUME:PATH> [PATHS...]',
    'write the content of files to stdout; --json prints {"path","size","encoding","content"} for each',
    ['vivefs cat photos.vive:/notes.txt | head', 'vivefs cat photos.vive:/notes.txt --snapshot monday'],
  )
    .option(...SNAPSHOT)
    .action(async (source: string, more: string[], { snapshot }: { snapshot?: string }) => {
      const { volume, path } = volumePathOf(source)
      const paths = [path, ...more.map((text) => pathInSameVolume(text, volume))]
      await withVolume(
        cli,
        volume,
        async ({ fs }) => {
          for (const each of paths) {
            if (cli.output.json) {
              const bytes = await fs.readFile(each)
              const text = bytes.toString('utf8')
              const isText = Buffer.from(text).equals(bytes)
              const content = isText ? text : bytes.toString('base64')
              await cli.output.item(
                { path: each, size: bytes.length, encoding: isText ? 'utf8' : 'base64', content },
                '',
              )
              continue
            }
            const file = await fs.open(each, 'r')
            try {
              if ((await file.stat()).isDirectory())
                throw new FilesystemError('EISDIR', { syscall: 'read', path: each })
              for (;;) {
                cli.signal.throwIfAborted()
                // A fresh buffer each time: stdout keeps what it was given until it is written.
                const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES)
                if (bytesRead === 0) break
                await cli.output.write(buffer.subarray(0, bytesRead))
              }
            } finally {
              await file.close()
            }
          }
        },
        { readOnly: true, snapshot },
      )
    })
}
