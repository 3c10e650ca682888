/**
 * A mount that somebody else has made, with its device open here already: `mount.fuse3 LAUNCHER#VOLUME DIR -o drop_privileges,setuid=USER` mounts
 * as the superuser and starts LAUNCHER as USER with `/dev/fd/N` in the place of the directory. fusermount3 mounts for an ordinary user, and whoever
 * called it hands the descriptor on in the same way. Source: mount.fuse3(8).
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { FuseError } from './error.ts'

const GIVEN = /^\/dev\/fd\/(\d{1,9})$/

/** The descriptor that a directory of this form stands for. */
export function givenDescriptor(directory: string): number | undefined {
  const digits = GIVEN.exec(directory)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

interface Line {
  readonly device: string
  readonly at: string
  readonly isFuse: boolean
}

/** `id parent major:minor root at options ... - type source options`, with blanks in names as octal numbers. */
function lineOf(text: string): Line {
  const [, , device = '', , at = ''] = text.split(' ')
  const [type = ''] = text.slice(text.indexOf(' - ') + 3).split(' ')
  const plain = at.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)))
  return { device, at: plain, isFuse: type === 'fuse' || type.startsWith('fuse.') }
}

/**
 * Where a descriptor's mount is, by the system's table of mounts. Linux tells which connection a descriptor is (6.16); before that the
 * newest mount of the kind is taken. FUSE_ARGUMENT: it is no device of a mount.
 */
export function placeOfGiven(descriptor: number): string {
  let target = ''
  let information = ''
  try {
    target = readlinkSync(`/proc/self/fd/${descriptor}`)
    information = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1')
  } catch {
    // Not open: refused below.
  }
  if (target !== '/dev/fuse') throw new FuseError('FUSE_ARGUMENT', `descriptor ${descriptor} is not /dev/fuse`)
  const connection = /^fuse_connection:\s*(\d+)$/m.exec(information)?.[1]
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map(lineOf)
  const ours = lines.findLast(
    ({ device, isFuse }) => isFuse && (connection === undefined || device === `0:${connection}`),
  )
  if (ours === undefined)
    throw new FuseError('FUSE_ARGUMENT', `descriptor ${descriptor} serves no mount that is seen here`)
  return ours.at
}
