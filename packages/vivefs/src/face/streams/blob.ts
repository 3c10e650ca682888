/** fs.openAsBlob. */
import { Blob } from 'node:buffer'
import { runAsync } from '../../op.ts'
import { assertObject, wrongType } from '../arguments.ts'
import { fstat } from '../attributes.ts'
import type { Face } from '../context.ts'
import { close, open, read } from '../io.ts'
import { toReadInto } from '../transfer-arguments.ts'

const PIECE_BYTES = 8 << 20

/**
 * The content of a file as it is now: what changes later does not show (node's answers NotReadableError then). In
 * pieces, so it may be larger than a Buffer.
 */
export async function openAsBlob(face: Face, path: unknown, options: unknown = {}): Promise<Blob> {
  assertObject(options, 'options')
  const { type } = options as { type?: unknown }
  if (type && typeof type !== 'string') throw wrongType('options.type', 'of type string', type)
  const file = await runAsync(open(face, path, 'r'))
  try {
    const { size } = await runAsync(fstat(face, file))
    const pieces: Uint8Array[] = []
    for (let done = 0; done < Number(size); ) {
      const into = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Number(size) - done))
      const bytes = await runAsync(read(face, file, toReadInto('promises', [into])))
      if (bytes === 0) break
      pieces.push(into.subarray(0, bytes))
      done += bytes
    }
    return new Blob(pieces, { type: (type as string | undefined) || '' })
  } finally {
    await runAsync(close(face, file))
  }
}
