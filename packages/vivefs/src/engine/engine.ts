/** What a place to keep a volume in offers: an open database, and what is known of the space below it. */

import type { MediaMap, RelocationReport } from '@vivefs/lsm'
import { ViveError } from '../errors.ts'
import type { AnyLevel } from '../store/database.ts'
import type { SpaceGuard } from '../store/store.ts'
import type { PlaceFinder } from './places.ts'
import type { DirectoryEngine } from './volume-file.ts'

export type { MediaMap, RelocationReport }

export interface Engine {
  /** `memory`, `level`, `lsm`, or `custom` for a database that the caller opened. */
  readonly name: string
  readonly database: AnyLevel
  /** Close the database together with the volume. */
  readonly ownsDatabase: boolean
  /** The identity that the place was prepared with, for a directory. */
  readonly volumeId: string | undefined
  readonly space?: SpaceGuard
  /** The most bytes of commits that may be on their way to the database; no limit of its own by default. */
  readonly pendingBytesMax?: number
  /** Bytes that the place can still take. */
  readonly freeBytes?: () => number | undefined
  /** Where the files of the database lie, on media of the caller's. */
  readonly map?: () => MediaMap
  /** Moves what lies elsewhere than the policy wants it; `force`: all of it now. */
  readonly relocate?: (force: boolean) => Promise<RelocationReport>
  /** Moves what lies on a medium to the others, and erases it where its space returns only as a whole. */
  readonly emptyMedium?: (name: string) => Promise<RelocationReport>
  /** Tells where rows lie. */
  readonly places?: PlaceFinder
  /** Follower: takes in what the writer has done since. */
  readonly refresh?: () => Promise<void>
  /** What a salvage of the database left out. */
  readonly lost?: readonly string[]
  /** Lets go of what the engine holds beside the database. */
  release(): Promise<void>
}

/** ERR_VIVEFS_UNSUPPORTED for what cannot be read beside a writer. */
export function assertNotFollowed(name: string, { follow }: EngineOptions): void {
  if (!follow) return
  throw new ViveError('ERR_VIVEFS_UNSUPPORTED', `a volume on ${name} cannot be followed, one on lsm can`)
}

export interface EngineOptions {
  /** Make the volume when there is none. */
  readonly create: boolean
  readonly readOnly: boolean
  /** Stand beside a writer, claim nothing. */
  readonly follow: boolean
  /** Leave out what is damaged. */
  readonly salvage: boolean
  /** The engine of a new volume in a directory. */
  readonly engine?: DirectoryEngine | undefined
  /** The identity for a new volume: 32 hexadecimal digits. */
  readonly newVolumeId: string
}
