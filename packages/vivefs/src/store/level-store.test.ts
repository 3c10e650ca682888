import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { runAsync, runSync } from '../op.ts'
import { openLevelStore } from './index.ts'

const bytes = (text: string) => Buffer.from(text)

test('a committed row is read back, synchronously as well', async () => {
  const store = await openLevelStore(new MemoryLevel())
  await runAsync(
    store.transact(function* (tx) {
      tx.put(bytes('a'), bytes('1'))
      tx.put(bytes('b'), bytes('2'))
    }),
  )
  const rows = await runAsync(store.transact((tx) => tx.range({ gte: bytes('a'), lt: bytes('c') })))
  expect(rows.map(({ key, value }) => `${key}${value}`)).toEqual(['a1', 'b2'])
  expect(runSync(store.transact((tx) => tx.get(bytes('a'))))).toEqual(bytes('1'))
  await runAsync(store.barrier())
  await store.close()
})
