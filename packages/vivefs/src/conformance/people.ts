/** The people of the suite. Their numbers are far from those of a system's own accounts. */
import type { Credentials } from './target.ts'

const person = (uid: number, gid: number, groups: readonly number[] = []): Credentials => ({
  uid,
  gid,
  groups,
  umask: 0o022,
})

/** The group that only supplementary members have. */
export const CLUB = 45_009

export const people = {
  root: person(0, 0),
  /** Owns things. */
  alice: person(44_001, 45_001, [CLUB]),
  /** Has nothing in common with alice. */
  bob: person(44_002, 45_002),
  /** In alice's group. */
  carol: person(44_003, 45_001),
  /** In alice's group by supplementary membership. */
  dave: person(44_004, 45_004, [45_001]),
} as const satisfies Record<string, Credentials>

export type Person = keyof typeof people
