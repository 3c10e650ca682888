/** Reading all rows in bounded pages, each page a transaction of its own: the volume holds still meanwhile. */
import type { Core } from '../core/core.ts'
import { runAsync } from '../op.ts'
import type { Bytes, Row } from '../store/store.ts'

/** Rows with `from` <= key < `to`, `rowsMax` at a time. `signal` is looked at between pages. */
export async function* pages(
  core: Core,
  from: Bytes,
  to: Bytes,
  rowsMax: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Row[]> {
  let after: Bytes | undefined
  for (;;) {
    signal?.throwIfAborted()
    const range = { ...(after === undefined ? { gte: from } : { gt: after }), lt: to, limit: rowsMax }
    const rows = await runAsync(core.store.transact((tx) => tx.range(range), { readOnly: true }))
    if (rows.length === 0) return
    yield rows
    if (rows.length < rowsMax) return
    after = Buffer.from(rows[rows.length - 1].key)
  }
}
