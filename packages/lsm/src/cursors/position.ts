import type { Cursor } from '../cursor.ts'
import { type Kind, PUT } from '../kind.ts'

const NOTHING: Buffer = Buffer.alloc(0)

/** The entry of a cursor that stands on other cursors: the fields of the one that leads. */
export class Position {
  valid = false
  keyBytes: Buffer = NOTHING
  keyStart = 0
  keyEnd = 0
  sequence = 0
  kind: Kind = PUT
  valueBytes: Buffer = NOTHING
  valueStart = 0
  valueEnd = 0

  /** Shows what `cursor` shows. */
  protected show(cursor: Cursor): void {
    this.valid = cursor.valid
    this.keyBytes = cursor.keyBytes
    this.keyStart = cursor.keyStart
    this.keyEnd = cursor.keyEnd
    this.sequence = cursor.sequence
    this.kind = cursor.kind
    this.valueBytes = cursor.valueBytes
    this.valueStart = cursor.valueStart
    this.valueEnd = cursor.valueEnd
  }
}
