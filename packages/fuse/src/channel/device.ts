/** The device of one mount: whole requests in, whole answers out. */
import { read, readSync, writeSync, writevSync } from 'node:fs'
import { FuseError } from '../error.ts'
import { TRANSFER_BYTES_MAX } from '../protocol/init.ts'

/** The greatest request: a write with its headers. */
export const REQUEST_BYTES_MAX: number = TRANSFER_BYTES_MAX + 8192

/** Why a read brought nothing. */
type Outcome = 'again' | 'ended'

function outcomeOf(error: unknown): Outcome {
  switch ((error as NodeJS.ErrnoException).code) {
    // A request that was interrupted before it was read, and a signal.
    case 'ENOENT':
    case 'EINTR':
    case 'EAGAIN':
      return 'again'
    case 'ENODEV':
    case 'EBADF':
      return 'ended'
    default:
      throw new FuseError('FUSE_CONNECTION', 'reading the FUSE device failed', error)
  }
}

/** Waits for a request in `into` and answers its length; 0: the mount is gone. Blocks the thread. */
export function readRequestSync(device: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(device, into, 0, into.length, null)
    } catch (error) {
      if (outcomeOf(error) === 'ended') return 0
    }
  }
}

/** The same in the thread pool. */
export async function readRequest(device: number, into: Buffer): Promise<number> {
  for (;;) {
    try {
      return await new Promise<number>((resolve, reject) => {
        read(device, into, 0, into.length, null, (error, count) => (error === null ? resolve(count) : reject(error)))
      })
    } catch (error) {
      if (outcomeOf(error) === 'ended') return 0
    }
  }
}

/** Answers with the first `headBytes` of `head` and all of `body`. ENOENT: whoever asked was interrupted; ENODEV: the mount is gone: nobody waits for it. */
export function writeAnswer(device: number, head: Buffer, headBytes: number, body?: Buffer): void {
  try {
    if (body === undefined) writeSync(device, head, 0, headBytes)
    else writevSync(device, [head.subarray(0, headBytes), body])
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'EBADF') return
    throw new FuseError('FUSE_CONNECTION', 'writing to the FUSE device failed', error)
  }
}
