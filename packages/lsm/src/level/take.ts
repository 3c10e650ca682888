import { copyBytes } from '../batch/entry.ts'
import type { TakeValue } from '../db/db.ts'
import { GIVEN } from '../lookup.ts'

/** How bytes of the database become what the caller asked for. */
export type Take = TakeValue<string | Buffer>

/** Declared by Node and missing in its types: `toString('utf8', start, end)` without looking at the name of the encoding. */
interface Utf8Slice {
  utf8Slice(start: number, end: number): string
}

const takeText: Take = (bytes, start, end) => (bytes as unknown as Utf8Slice).utf8Slice(start, end)

const takeCopy: Take = (bytes, start, end, owner) => {
  if (owner === GIVEN) return bytes.subarray(start, end)
  const copy = Buffer.allocUnsafe(end - start)
  copyBytes(copy, 0, bytes, start, end)
  return copy
}

const takeView: Take = (bytes, start, end, owner) =>
  owner === undefined || owner.lend() ? bytes.subarray(start, end) : takeCopy(bytes, start, end, owner)

/** @param copy false: bytes may be views of the database's memory, which must not be changed */
export function takeAs(format: string | undefined, copy = true): Take {
  if (format === 'utf8' || format === undefined) return takeText
  return copy ? takeCopy : takeView
}
