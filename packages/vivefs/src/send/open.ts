/** Receives a stream into a place: makes the volume, or opens the one that has what the stream stands on. */
import { superuser } from '../core/mode.ts'
import { systemRuntime } from '../runtime.ts'
import { coreOf, type OpenOptions, ViveFS } from '../vivefs.ts'
import { openStream, type ReceiveOptions, type ReceiveReport, receiveInto } from './receive.ts'
import type { StreamBegin } from './stream-format.ts'

/** What making the same volume again takes: its identity and its secret. */
function openingOf({ volumeId, extentBytes, label, nameSeedHigh, nameSeedLow }: StreamBegin): OpenOptions {
  const seed = Buffer.alloc(8)
  seed.writeInt32BE(nameSeedHigh, 0)
  seed.writeInt32BE(nameSeedLow, 4)
  const given = new Map([
    [16, Buffer.from(volumeId, 'hex')],
    [8, seed],
  ])
  const system = systemRuntime()
  // What it asks for is how a new volume chooses both, once each.
  const random = (bytes: number): Buffer => given.get(bytes) ?? system.random(bytes)
  return { create: 'exclusive', extentBytes, label, runtime: { ...system, random } }
}

/**
 * Makes at `where` what a stream of `ViveFS.send` holds. A stream without `from` makes a new volume, with the identity of
 * the one that was sent. One with `from` brings a volume that was received before from that snapshot to the later one;
 * changes that were made to it meanwhile are lost. `source` is read to the end of the stream.
 *
 * Errors: ERR_VIVEFS_EXISTS (a new volume, and there is one), ERR_VIVEFS_NOT_A_VOLUME, ERR_VIVEFS_OPTION (not of this
 * volume, or it lacks the snapshot), ERR_VIVEFS_CORRUPTION (damaged or cut off), ERR_VIVEFS_FORMAT, ENOSPC, the reason of
 * `signal`. After one a new volume is empty and to be deleted; another is at the snapshot it was, or in between, and the
 * same stream once more brings it on.
 */
export async function receive(
  where: string,
  source: AsyncIterable<Uint8Array>,
  options: ReceiveOptions & Pick<OpenOptions, 'engine'> = {},
): Promise<ReceiveReport> {
  const stream = await openStream(source)
  const { engine, ...rest } = options
  const opening = stream.begin.from === undefined ? openingOf(stream.begin) : { create: false as const }
  const vive = await ViveFS.open(where, {
    ...opening,
    ...(engine === undefined ? {} : { engine }),
    credentials: superuser,
  })
  try {
    const report = await receiveInto(coreOf(vive), stream, rest)
    await vive.sync()
    return report
  } finally {
    await vive.close()
  }
}
