import type { AppendFile } from '@vivefs/pfaof'
import type { Op } from '../op.ts'
import type { Placement } from '../policy/media-policy.ts'
import type { Placer } from '../policy/placer.ts'
import type { FileHeat } from './heat.ts'
import type { Traffic, TrafficReason } from './traffic.ts'

/** What a file of the database is for. Its name is the kind, a dash and its number: `table-17`. */
export type FileKind = 'log' | 'table' | 'manifest' | 'index' | 'blob'

export interface CreateOptions {
  readonly bytesExpected: number
  /** Where it goes; undefined: the storage asks its policy. */
  readonly placement?: Placement | undefined
  /** What its bytes are counted for; default by kind. */
  readonly reason?: TrafficReason | undefined
}

export interface StoredFile {
  readonly kind: FileKind
  readonly number: number
  readonly bytes: number
}

/**
 * The files of one database. Errors are `LEVEL_*` and name the file: LEVEL_IO_ERROR, LEVEL_NO_SPACE, LEVEL_CORRUPTION,
 * LEVEL_POISONED. A file that is opened and not there is LEVEL_CORRUPTION: whoever opens one was promised it by the manifest.
 */
export interface Storage {
  readonly readOnly: boolean
  /** Asks the policy where files go. */
  readonly placer: Placer
  readonly traffic: Traffic
  /** Makes an empty file. It is durable with its own first sync. */
  create(kind: FileKind, number: number, o: CreateOptions): Op<AppendFile>
  /** `reason`: what the bytes that are read are counted for; default `user`, which makes heat as well. */
  open(kind: FileKind, number: number, reason?: TrafficReason): Op<AppendFile>
  /** The medium that has the file, or the last part of it; undefined: there is no such file, or it is empty. */
  mediumOf(kind: FileKind, number: number): string | undefined
  /** Grows with every file that was moved. */
  readonly moves: number
  /** Removing the file gives no space back (tape). */
  isSunk(kind: FileKind, number: number): boolean
  /** Some of the file lies where loss of power takes it, though the database as a whole survives that. */
  forgets(kind: FileKind, number: number): boolean
  /** How often a table, or a file with values, is read. */
  heatOf(file: number): FileHeat
  /** Durable with the next sync of anything. Removing what is not there is no error. */
  remove(kind: FileKind, number: number): Op<void>
  /** Makes what was removed so far stay so: its space can be used again. */
  sync(): Op<void>
  /** Files of the database, in no order. */
  list(): StoredFile[]
}

export const FILE_NUMBER_MAX = 0xffff_ffff

export function fileName(kind: FileKind, number: number): string {
  return `${kind}-${number}`
}

/** The kind and number that a name tells, or undefined for a file of somebody else. */
export function parseFileName(name: string): { kind: FileKind; number: number } | undefined {
  const match = /^(log|table|manifest|index|blob)-(0|[1-9]\d{0,9})$/.exec(name)
  if (match === null) return undefined
  const number = Number(match[2])
  return number > FILE_NUMBER_MAX ? undefined : { kind: match[1] as FileKind, number }
}
