import { checkAborted } from '../abort.ts'
import type { Bytes } from '../bytes.ts'
import { boundsOf, EVERYTHING, keyAfter } from '../db/bounds.ts'
import type { LsmDb } from '../db/db.ts'
import { runAsync } from '../op.ts'
import { type EncodedRangeOptions, EntryReader } from './entry-reader.ts'
import { sequenceOf } from './snapshot.ts'

/** Up to this many keys are deleted one by one; from there on a range tombstone is cheaper. */
const SINGLE_MAX = 64
const BATCH_KEYS = 1000

/**
 * Deletes a range. Without limit and snapshot in one step, by a range tombstone when there is more than a little; otherwise the keys that
 * the options choose, in batches. LEVEL_ABORTED: the signal said so; what was deleted before stays deleted.
 */
export async function clearRange(db: LsmDb, options: EncodedRangeOptions & { sync?: boolean }): Promise<void> {
  const sync = options.sync === true
  checkAborted(options.signal)
  const limit = options.limit === undefined || options.limit < 0 ? Number.POSITIVE_INFINITY : options.limit
  if (limit === Number.POSITIVE_INFINITY && sequenceOf(options.snapshot) === undefined) {
    const keys = await someKeys(db, options, SINGLE_MAX + 1)
    const range = keys.length > SINGLE_MAX ? await edges(db, options) : undefined
    checkAborted(options.signal)
    return range === undefined ? remove(db, keys, sync) : void (await db.deleteRange(...range, sync))
  }
  const reader = new EntryReader(db, { ...options, values: false, keyEncoding: 'buffer' })
  try {
    for (let left = limit; left > 0; ) {
      const entries = await runAsync(reader.some(Math.min(left, BATCH_KEYS)))
      checkAborted(options.signal)
      if (entries.length === 0) return
      left -= entries.length
      await remove(
        db,
        entries.map(([key]) => key as Buffer),
        sync,
      )
    }
  } finally {
    reader.close()
  }
}

async function remove(db: LsmDb, keys: readonly Bytes[], sync: boolean): Promise<void> {
  if (keys.length === 0) return
  const batch = db.begin()
  for (const key of keys) batch.del(key)
  await db.commit(batch, sync)
}

async function someKeys(db: LsmDb, options: EncodedRangeOptions, count: number): Promise<Buffer[]> {
  const reader = new EntryReader(db, { ...options, values: false, keyEncoding: 'buffer' })
  try {
    return (await runAsync(reader.some(count))).map(([key]) => key as Buffer)
  } finally {
    reader.close()
  }
}

/** The range as a tombstone wants it: with its first key, without its last. */
async function edges(db: LsmDb, options: EncodedRangeOptions): Promise<[from: Bytes, to: Bytes]> {
  const { lower, lowerIncluded, upper, upperIncluded } = boundsOf(options)
  const from = lower === undefined ? Buffer.alloc(0) : lowerIncluded ? lower : keyAfter(lower)
  if (upper !== undefined) return [from, upperIncluded ? keyAfter(upper) : upper]
  const reader = new EntryReader(db, { ...EVERYTHING, reverse: true, values: false, keyEncoding: 'buffer' })
  try {
    const last = await runAsync(reader.one())
    return [from, last === undefined ? from : keyAfter(last[0] as Buffer)]
  } finally {
    reader.close()
  }
}
