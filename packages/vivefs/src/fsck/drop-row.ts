/** The repair that every kind of row shares. */
import type { Row } from '../store/store.ts'
import type { Fix } from './finding.ts'

/** A row that nobody can use goes; what it said is lost either way. */
export const dropRow = (row: Row): Fix => {
  const key = Buffer.from(row.key)
  return function* (call) {
    call.tx.del(key)
  }
}
