/** The contract of the store, one promise per test. */
import { MemoryLevel } from 'memory-level'
import { expect, test, vi } from 'vitest'
import { FilesystemError } from '../../src/errors.ts'
import { type Op, pending, runAsync, runSync } from '../../src/op.ts'
import { LevelStore, type LevelStoreOptions, markerKey, openLevelStore, type Tx } from '../../src/store/index.ts'
import { SimulatedDatabase, type SimulationOptions, turn } from './simulated-database.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
const all = { gte: bytes('a'), lt: bytes('z') }

async function open(options: LevelStoreOptions = {}, simulation: SimulationOptions = {}) {
  const database = new SimulatedDatabase({ getSync: true, ...simulation })
  await database.open()
  return { database, store: new LevelStore(database, options) }
}

const put = (store: LevelStore, key: string, value: string | Uint8Array = key, durable?: boolean): Op<void> =>
  store.transact(
    function* (tx) {
      tx.put(bytes(key), typeof value === 'string' ? bytes(value) : value)
    },
    durable === undefined ? {} : { durable },
  )

const get = (store: LevelStore, key: string): Op<string | undefined> =>
  store.transact(function* (tx) {
    const value = yield* tx.get(bytes(key))
    return value === undefined ? undefined : Buffer.from(value).toString()
  })

const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error) => error.code,
  )

/** Lets the database's batches wait until the answer is called. */
function hold(database: SimulatedDatabase): () => void {
  let release = (): void => {}
  database.held = new Promise((resolve) => {
    release = () => {
      database.held = undefined
      resolve()
    }
  })
  return () => release()
}

const settledBy = async (promise: Promise<unknown>, turns = 5): Promise<boolean> => {
  let settled = false
  promise.then(
    () => {
      settled = true
    },
    () => {
      settled = true
    },
  )
  for (let i = 0; i < turns; i++) await turn()
  return settled
}

test('reads are synchronous wherever the database, the cache or the overlay answers', async () => {
  const { store, database } = await open({ cacheBytes: 0 })
  await runAsync(put(store, 'a', '1'))
  expect(runSync(get(store, 'a'))).toBe('1')
  const release = hold(database)
  const landing = runAsync(put(store, 'a', '2'))
  expect(runSync(get(store, 'a'))).toBe('2')
  expect(runSync(get(store, 'nothing'))).toBe(undefined)
  release()
  await landing
  expect(store.caps.sync).toBe('reads')
  expect(() => runSync(store.transact((tx) => tx.range(all)))).toThrow(
    expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' }),
  )
})

test('without getSync a synchronous read works from the cache only', async () => {
  const { store } = await open({}, { getSync: false })
  expect(store.caps.sync).toBe('none')
  await runAsync(put(store, 'a', '1'))
  expect(runSync(get(store, 'a'))).toBe('1')
  expect(() => runSync(get(store, 'b'), 'readFileSync')).toThrow(/readFileSync/)
  expect(await runAsync(get(store, 'b'))).toBe(undefined)
  expect(runSync(get(store, 'b'))).toBe(undefined)
})

for (const durability of ['group', 'strict'] as const) {
  test(`a synchronous write on a ${durability} store is refused and leaves no trace`, async () => {
    const { store, database } = await open({ durability })
    const effect = vi.fn()
    const write = store.transact(function* (tx) {
      tx.put(bytes('a'), bytes('1'))
      tx.onCommit(effect)
    })
    expect(() => runSync(write, 'writeFileSync')).toThrow(
      expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE', message: expect.stringMatching('writeFileSync') }),
    )
    expect(runSync(get(store, 'a'))).toBe(undefined)
    await turn()
    expect(store.statistics()).toMatchObject({ commits: 0, pendingBytes: 0 })
    expect(database.batches).toEqual([])
    expect(effect).not.toHaveBeenCalled()
    expect(() => runSync(store.barrier())).toThrow(expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' }))
    await store.close()
  })
}

test('a synchronous write on a relaxed store works; a durable one is refused; the bound is back-pressure', async () => {
  const { store, database } = await open({ durability: 'relaxed', relaxedBytesMax: 1000 })
  runSync(put(store, 'a', '1'))
  expect(runSync(get(store, 'a'))).toBe('1')
  expect(() => runSync(put(store, 'b', '1', true))).toThrow(
    expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' }),
  )
  runSync(put(store, 'c', new Uint8Array(1000)))
  expect(() => runSync(put(store, 'd'))).toThrow(expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' }))
  await turn()
  expect(store.statistics().pendingBytes).toBe(0)
  runSync(put(store, 'd'))
  await store.close()
  expect(database.batches.flatMap(({ rows }) => rows.map(({ key }) => String(key)))).toEqual(['a', 'c', 'd'])
})

test('group acknowledges when the batch landed, in one batch for all that came in one turn', async () => {
  const { store, database } = await open()
  const release = hold(database)
  const first = runAsync(put(store, 'a'))
  expect(await settledBy(first)).toBe(false)
  const others = Promise.all(Array.from({ length: 50 }, (_, i) => runAsync(put(store, `b${i % 10}`, `${i}`))))
  expect(await settledBy(others)).toBe(false)
  release()
  await Promise.all([first, others])
  expect(database.batches.map(({ rows, sync }) => [rows.length, sync])).toEqual([
    [1, false],
    [10, false],
  ])
  expect(database.inFlightMax).toBe(1)
  expect(store.statistics()).toMatchObject({ commits: 51, batches: 2, rowsWritten: 11, reruns: 0 })
})

test('strict and durable commits are synced batches, a plain commit is not', async () => {
  const group = await open()
  await runAsync(put(group.store, 'a'))
  await runAsync(put(group.store, 'b', 'b', true))
  expect(group.database.batches.map(({ sync }) => sync)).toEqual([false, true])
  const strict = await open({ durability: 'strict' })
  await Promise.all(Array.from({ length: 64 }, (_, i) => runAsync(put(strict.store, `k${i}`))))
  expect(strict.database.batches.map(({ sync }) => sync)).toEqual([true])
})

test('relaxed acknowledges at once and hands over after half of the stated time', async () => {
  const timers: [() => void, number][] = []
  const timer = (run: () => void, ms: number) => {
    timers.push([run, ms])
    return () => {}
  }
  const { store, database } = await open({ durability: 'relaxed', relaxedMsMax: 300, timer })
  for (let i = 0; i < 10; i++) await runAsync(put(store, `k${i}`))
  await turn()
  expect(database.batches.length).toBe(0)
  expect(timers.map(([, ms]) => ms)).toEqual([150])
  timers[0]![0]()
  await turn()
  expect(database.batches.map(({ rows }) => rows.length)).toEqual([10])
  await runAsync(put(store, 'later'))
  expect(timers.length).toBe(2)
  await store.close()
  expect(database.batches.length).toBe(2)
})

test('a barrier is a synced batch with the marker row, shared by all who ask, and free when nothing is new', async () => {
  const { store, database } = await open()
  await runAsync(put(store, 'a'))
  await Promise.all(Array.from({ length: 64 }, () => runAsync(store.barrier())))
  const synced = database.batches.filter(({ sync }) => sync)
  expect(synced.length).toBeLessThanOrEqual(4)
  expect(synced[0]!.rows.map(({ key }) => key)).toEqual([markerKey])
  const before = database.batches.length
  await runAsync(store.barrier())
  runSync(store.barrier())
  expect(database.batches.length).toBe(before)
  expect(store.statistics().barriers).toBe(66)
})

test('64 writers that each fsync share their synced batches', async () => {
  const { store, database } = await open()
  await Promise.all(
    Array.from({ length: 64 }, async (_, i) => {
      await runAsync(put(store, `k${i}`))
      await runAsync(store.barrier())
    }),
  )
  expect(database.batches.filter(({ sync }) => sync).length).toBeLessThanOrEqual(4)
})

test('a barrier makes the commits that wait durable without a batch of its own', async () => {
  const { store, database } = await open()
  const write = runAsync(put(store, 'a'))
  await runAsync(store.barrier())
  await write
  expect(database.batches.map(({ sync, rows }) => [sync, rows.length])).toEqual([[true, 1]])
})

test('a read that was overtaken makes the body run again; effects of the abandoned run never happen', async () => {
  const { store } = await open()
  await runAsync(put(store, 'n', '0'))
  const order: string[] = []
  let runs = 0
  const increment = (): Op<void> =>
    store.transact(function* (tx) {
      runs++
      const run = runs
      const n = Number(yield* tx.get(bytes('n')))
      tx.onCommit(() => order.push(`run ${run} first`))
      tx.onCommit(() => order.push(`run ${run} second`))
      if (run === 1) {
        // Another one overtakes.
        yield* pending(runAsync(put(store, 'n', '10')))
      }
      tx.put(bytes('n'), bytes(`${n + 1}`))
    })
  await runAsync(increment())
  expect(await runAsync(get(store, 'n'))).toBe('11')
  expect([runs, store.statistics().reruns]).toEqual([2, 1])
  expect(order).toEqual(['run 2 first', 'run 2 second'])
})

test('a body that throws after being overtaken runs again; one that was not overtaken throws', async () => {
  const { store } = await open()
  let runs = 0
  const body = (overtake: boolean) =>
    function* (tx: Tx): Op<string> {
      runs++
      const seen = yield* tx.get(bytes('a'))
      if (overtake && runs === 1) yield* pending(runAsync(put(store, 'a')))
      if (seen === undefined) throw new FilesystemError('ENOENT')
      return 'found'
    }
  expect(await runAsync(store.transact(body(true)))).toBe('found')
  expect(runs).toBe(2)
  await runAsync(
    store.transact(function* (tx) {
      tx.del(bytes('a'))
    }),
  )
  expect(await codeOf(runAsync(store.transact(body(false))))).toBe('ENOENT')
})

test('a phantom in a range that was read is a conflict; beyond the row at which the limit cut it is not', async () => {
  const { store } = await open()
  for (const key of ['b', 'd', 'f']) await runAsync(put(store, key))
  const attempt = async (key: string, reverse: boolean): Promise<number> => {
    const before = store.statistics().reruns
    let first = true
    await runAsync(
      store.transact(function* (tx) {
        yield* tx.range({ ...all, limit: 2, reverse })
        if (first) yield* pending(runAsync(put(store, key)))
        first = false
        tx.put(bytes('zz'), bytes('1'))
      }),
    )
    return store.statistics().reruns - before
  }
  expect(await attempt('e', false)).toBe(0)
  expect(await attempt('d', false)).toBe(1)
  expect(await attempt('c', false)).toBe(1)
  expect(await attempt('a', true)).toBe(0)
  expect(await attempt('e', true)).toBe(1)
})

test('an effect sees the commit, late rows see the effects, and what an effect starts is ordered after it', async () => {
  const { store, database } = await open()
  let counter = 0
  let started: Promise<void> | undefined
  await runAsync(
    store.transact(function* (tx) {
      tx.put(bytes('a'), bytes('1'))
      tx.putAtCommit(bytes('count'), () => bytes(String(counter)))
      tx.onCommit(() => {
        counter += 5
        expect(runSync(get(store, 'a'))).toBe('1')
        started = runAsync(put(store, 'count', 'later'))
        expect(store.statistics().commits).toBe(1)
      })
    }),
  )
  expect(database.batches[0]!.rows.map(({ key, value }) => `${key}=${value}`)).toContain('a=1')
  await started
  expect(store.statistics().commits).toBe(2)
  expect(runSync(get(store, 'count'))).toBe('later')
})

test('late rows are outside the conflict set', async () => {
  const { store } = await open()
  let counter = 0
  const bump = (key: string): Op<void> =>
    store.transact(function* (tx) {
      yield* tx.get(bytes('count'))
      yield* pending(turn())
      tx.put(bytes(key), bytes(key))
      tx.onCommit(() => counter++)
      tx.putAtCommit(bytes('count'), () => bytes(String(counter)))
    })
  await Promise.all(['a', 'b', 'c'].map((key) => runAsync(bump(key))))
  expect(store.statistics().reruns).toBe(0)
  expect(runSync(get(store, 'count'))).toBe('3')
})

test('a throwing effect is reported; the others run and the transaction is committed', async () => {
  const { store } = await open()
  const after = vi.fn()
  const write = store.transact(function* (tx) {
    tx.put(bytes('a'), bytes('1'))
    tx.onCommit(() => {
      throw new TypeError('a bug')
    })
    tx.onCommit(after)
  })
  expect(await codeOf(runAsync(write))).toBe('ERR_VIVEFS_INTERNAL')
  expect(after).toHaveBeenCalledTimes(1)
  expect(runSync(get(store, 'a'))).toBe('1')
  await runAsync(put(store, 'b'))
})

test('a starving transaction gets the right of way over asynchronous commits', async () => {
  const { store } = await open()
  let stop = false
  const rival = (async () => {
    for (let i = 0; !stop; i++) {
      await runAsync(put(store, 'hot', String(i)))
      await turn()
    }
  })()
  let runs = 0
  await runAsync(
    store.transact(function* (tx) {
      runs++
      yield* tx.get(bytes('hot'))
      for (let i = 0; i < 6; i++) yield* pending(turn())
      tx.put(bytes('won'), bytes('1'))
    }),
  )
  stop = true
  await rival
  // The rival that waits at the gate is ordered after the starving one, not before.
  expect(runs).toBeGreaterThan(16)
  expect(runs).toBeLessThan(20)
})

test('synchronous commits pass the gate; the one they starve gives up with EBUSY', async () => {
  const { store } = await open({ durability: 'relaxed' })
  const starving = store.transact(function* (tx) {
    yield* tx.get(bytes('hot'))
    yield* pending(Promise.resolve())
    runSync(put(store, 'hot', String(store.statistics().commits)))
    tx.put(bytes('won'), bytes('1'))
  })
  expect(await codeOf(runAsync(starving))).toBe('EBUSY')
  expect(store.statistics().reruns).toBe(1000)
  await runAsync(put(store, 'others go on'))
  await store.close()
})

test('a transaction may write batchBytesMax and no more', async () => {
  const { store } = await open({ batchBytesMax: 100 })
  await runAsync(put(store, 'a', new Uint8Array(99)))
  expect(await codeOf(runAsync(put(store, 'a', new Uint8Array(100))))).toBe('ERR_VIVEFS_BATCH_TOO_BIG')
  expect(runSync(get(store, 'a'))?.length).toBe(99)
})

test('group batches are cut near 4 MiB, between transactions', async () => {
  const { store, database } = await open()
  const big = (key: string) =>
    store.transact(function* (tx) {
      for (let i = 0; i < 3; i++) tx.put(bytes(`${key}${i}`), new Uint8Array(1 << 20))
    })
  await Promise.all([...'abcde'].map((key) => runAsync(big(key))))
  expect(database.batches.map(({ rows }) => rows.map(({ key }) => String(key)).join(' '))).toEqual(
    [...'abcde'].map((key) => `${key}0 ${key}1 ${key}2`),
  )
})

test('what waits to land stays within the bound and one transaction', async () => {
  const { store } = await open({ pendingBytesMax: 10_000 }, { turnsMax: 2, random: () => 0.99 })
  let most = 0
  await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      runAsync(
        store.transact(function* (tx) {
          // Suspended bodies pile up in front of the bound as well.
          if (i % 2 === 0) yield* pending(turn())
          tx.put(bytes(`k${i}`), new Uint8Array(1000))
          tx.onCommit(() => {
            most = Math.max(most, store.statistics().pendingBytes)
          })
        }),
      ),
    ),
  )
  expect(most).toBeGreaterThan(9000)
  expect(most).toBeLessThan(10_000 + 1010)
  expect(store.statistics()).toMatchObject({ pendingBytes: 0, commits: 100 })
})

test('a read-only transaction refuses writes with EROFS', async () => {
  const { store } = await open()
  const write = (body: (tx: Tx) => void) =>
    codeOf(
      runAsync(
        store.transact(
          function* (tx) {
            body(tx)
          },
          { readOnly: true },
        ),
      ),
    )
  expect(await write((tx) => tx.put(bytes('a'), bytes('1')))).toBe('EROFS')
  expect(await write((tx) => tx.del(bytes('a')))).toBe('EROFS')
  expect(await write((tx) => tx.putAtCommit(bytes('a'), () => bytes('1')))).toBe('EROFS')
})

test('a transaction object is dead after its body, and merge is refused', async () => {
  const { store } = await open()
  let kept: Tx | undefined
  await runAsync(
    store.transact(function* (tx) {
      kept = tx
    }),
  )
  expect(() => kept!.put(bytes('a'), bytes('1'))).toThrow(expect.objectContaining({ code: 'ERR_VIVEFS_INTERNAL' }))
  const merge = store.transact(function* (tx) {
    tx.merge(bytes('a'), bytes('1'))
  })
  expect(await codeOf(runAsync(merge))).toBe('ERR_VIVEFS_INTERNAL')
})

test('an instance with other default encodings works; one that keeps text is refused', async () => {
  const json = await openLevelStore(new MemoryLevel<string, object>({ keyEncoding: 'utf8', valueEncoding: 'json' }))
  await runAsync(put(json, 'a', Uint8Array.of(0, 255, 128)))
  expect(runSync(json.transact((tx) => tx.get(bytes('a'))))).toEqual(Uint8Array.of(0, 255, 128))
  const text = openLevelStore(new MemoryLevel({ storeEncoding: 'utf8' }))
  expect(await codeOf(text)).toBe('ERR_VIVEFS_ENGINE')
})

test('the overlay answers until its batch has landed, and younger commits of the key answer after that', async () => {
  const { store, database } = await open({ cacheBytes: 0 })
  await runAsync(put(store, 'a', '0'))
  let release = hold(database)
  const first = runAsync(put(store, 'a', '1'))
  await turn()
  const second = runAsync(put(store, 'a', '2'))
  expect(runSync(get(store, 'a'))).toBe('2')
  release()
  release = hold(database)
  await first
  expect(runSync(get(store, 'a'))).toBe('2')
  release()
  await second
  expect(runSync(get(store, 'a'))).toBe('2')
})

test('close lands what is committed, is idempotent, and later calls are refused', async () => {
  const { store, database } = await open({ durability: 'relaxed', ownsDatabase: true })
  runSync(put(store, 'a'))
  const closing = store.close()
  expect(store.close()).toBe(closing)
  expect(await codeOf(runAsync(get(store, 'a')))).toBe('ERR_VIVEFS_CLOSED')
  await closing
  expect(database.batches.length).toBe(1)
  expect(database.status).toBe('closed')
  expect(await codeOf(runAsync(store.barrier()))).toBe('ERR_VIVEFS_CLOSED')
})

test('a transaction that close overtakes is refused, not half done', async () => {
  const { store, database } = await open()
  const slow = runAsync(
    store.transact(function* (tx) {
      yield* pending(turn())
      tx.put(bytes('a'), bytes('1'))
    }),
  )
  const refused = codeOf(slow)
  await store.close()
  expect(await refused).toBe('ERR_VIVEFS_CLOSED')
  expect(database.batches).toEqual([])
  expect(database.status).toBe('open')
})

test('on a database that answers on the spot, synchronous commits land behind all earlier ones', async () => {
  const { store, database } = await open({}, { sync: true })
  expect(store.caps.sync).toBe('full')
  const earlier = runAsync(put(store, 'a', '1'))
  runSync(put(store, 'a', '2'))
  expect(database.batches.flatMap(({ rows }) => rows.map(({ value }) => String(value)))).toContain('2')
  expect(runSync(store.transact((tx) => tx.range(all))).map(({ value }) => String(value))).toEqual(['2'])
  await earlier
  expect(runSync(get(store, 'a'))).toBe('2')
})

test('a synchronous barrier or durable commit does not wait for the one under way', async () => {
  const { store, database } = await open({}, { sync: true })
  const release = hold(database)
  const durable = runAsync(put(store, 'a', '1', true))
  await turn()
  runSync(put(store, 'b', '2'))
  runSync(store.barrier())
  expect(database.batches.at(-1)).toMatchObject({ sync: true })
  runSync(put(store, 'c', '3', true))
  expect(await settledBy(durable)).toBe(true)
  release()
  await store.close()
  expect(store.statistics().pendingBytes).toBe(0)
})

test('a batch that fails on the spot poisons the store, for those who waited too', async () => {
  let broken = false
  const before = (operation: string): void => {
    if (broken && operation === 'batchSync') throw new Error('broken')
  }
  const { store } = await open({}, { sync: true, before })
  runSync(put(store, 'a'))
  broken = true
  const waiting = codeOf(runAsync(put(store, 'b')))
  expect(() => runSync(put(store, 'c'))).toThrow(expect.objectContaining({ code: 'ERR_VIVEFS_STORE_FAILED' }))
  expect(await waiting).toBe('ERR_VIVEFS_STORE_FAILED')
  expect(() => runSync(get(store, 'a'))).toThrow(expect.objectContaining({ code: 'ERR_VIVEFS_STORE_FAILED' }))
})

test('a synchronous caller makes its own room in a full queue', async () => {
  const { store } = await open({ durability: 'relaxed', pendingBytesMax: 100, relaxedMsMax: 1e6 }, { sync: true })
  for (let i = 0; i < 200; i++) runSync(put(store, `k${i}`, 'x'.repeat(50)))
  expect(store.statistics().pendingBytes).toBeLessThan(200)
  await store.close()
})
