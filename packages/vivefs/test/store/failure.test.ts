/** What the store does when the database fails: every operation in turn, at every count; poisoning; recovery. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FilesystemError } from '../../src/errors.ts'
import { type Op, pending, runAsync, runSync } from '../../src/op.ts'
import { LevelStore, type LevelStoreOptions, openLevelStore } from '../../src/store/index.ts'
import { SimulatedDatabase, type SimulationOptions, turn } from './simulated-database.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
const all = { gte: bytes('a'), lt: bytes('z') }

const unhandled: unknown[] = []
const note = (error: unknown): void => {
  unhandled.push(error)
}
beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', note)
})
afterEach(async () => {
  for (let i = 0; i < 3; i++) await turn()
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

class DiskError extends Error {
  readonly code: string

  constructor(code: string, message = code, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A database whose next batches fail with what `failures` holds. */
async function failing(options: LevelStoreOptions = {}, simulation: SimulationOptions = {}) {
  const failures: Error[] = []
  const database = new SimulatedDatabase({
    getSync: true,
    before: (operation) => {
      if (operation === 'batch' && failures.length > 0) throw failures.shift()!
    },
    ...simulation,
  })
  await database.open()
  return { database, failures, store: new LevelStore(database, options) }
}

const put = (store: LevelStore, key: string, value = key): Op<void> =>
  store.transact(function* (tx) {
    tx.put(bytes(key), bytes(value))
  })

const get = (store: LevelStore, key: string): Op<string | undefined> =>
  store.transact(function* (tx) {
    const value = yield* tx.get(bytes(key))
    return value === undefined ? undefined : Buffer.from(value).toString()
  })

const errorOf = async (promise: Promise<unknown>): Promise<Error & { code?: string }> =>
  promise.then(
    () => new Error('no error'),
    (error) => error,
  )

const codeOf = async (promise: Promise<unknown>): Promise<string | undefined> => (await errorOf(promise)).code

test('a failed batch poisons the store for all who wait and all who come later', async () => {
  const { store, failures, database } = await failing()
  await runAsync(put(store, 'before'))
  failures.push(new DiskError('EIO'))
  const waiting = [put(store, 'a'), put(store, 'b'), store.barrier()].map((op) => codeOf(runAsync(op)))
  await turn()
  waiting.push(codeOf(runAsync(put(store, 'c'))), codeOf(runAsync(store.barrier())))
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['ERR_VIVEFS_STORE_FAILED']))
  const later = await errorOf(runAsync(put(store, 'd')))
  expect(later.cause).toMatchObject({ code: 'EIO' })
  // Reads too: what they would see may never have happened.
  expect(await codeOf(runAsync(get(store, 'before')))).toBe('ERR_VIVEFS_STORE_FAILED')
  expect(() => runSync(get(store, 'before'))).toThrow(expect.objectContaining({ code: 'ERR_VIVEFS_STORE_FAILED' }))
  expect(database.batches.length).toBe(1)
  await store.close()
})

test('a transaction that is under way when the store fails is told so, even if it only reads', async () => {
  const { store, failures } = await failing()
  const slow = errorOf(
    runAsync(
      store.transact(function* (tx) {
        yield* tx.get(bytes('a'))
        for (let i = 0; i < 5; i++) yield* pending(turn())
        return yield* tx.get(bytes('a'))
      }),
    ),
  )
  failures.push(new DiskError('EIO'))
  await errorOf(runAsync(put(store, 'a')))
  expect((await slow).code).toBe('ERR_VIVEFS_STORE_FAILED')
})

for (const [name, cause] of [
  ['its code', new DiskError('ENOSPC')],
  ['the code of a cause', new DiskError('LEVEL_IO_ERROR', 'write', { cause: new DiskError('EDQUOT') })],
  ['the code of a layer below', new DiskError('LEVEL_WRITE', 'write', { cause: new DiskError('PFAOF_NO_SPACE') })],
  ['its text', new DiskError('LEVEL_IO_ERROR', 'IO error: /v/000003.log: No space left on device')],
] as const) {
  test(`a full disk, known by ${name}, is ENOSPC then and later`, async () => {
    const { store, failures } = await failing()
    failures.push(cause)
    const error = await errorOf(runAsync(put(store, 'a')))
    expect(error).toMatchObject({ code: 'ENOSPC', cause })
    expect(FilesystemError.is(error)).toBe(true)
    expect(await codeOf(runAsync(put(store, 'b')))).toBe('ENOSPC')
  })
}

test('relaxed: a failure surfaces on the next call, and at close because something acknowledged was lost', async () => {
  const { store, failures } = await failing({ durability: 'relaxed', relaxedMsMax: 1, ownsDatabase: true })
  failures.push(new DiskError('EIO'))
  await runAsync(put(store, 'a'))
  await vi.waitFor(() => expect(() => runSync(get(store, 'a'))).toThrow())
  expect(await codeOf(runAsync(put(store, 'b')))).toBe('ERR_VIVEFS_STORE_FAILED')
  expect(await codeOf(store.close())).toBe('ERR_VIVEFS_STORE_FAILED')
})

test('a guard that recovers has the same batch tried once more, and nobody notices', async () => {
  const recovered: unknown[] = []
  const space = {
    admit: () => {},
    recover: async (error: unknown) => {
      recovered.push(error)
      await turn()
      return true
    },
  }
  const { store, failures, database } = await failing({ space })
  failures.push(new DiskError('ENOSPC'))
  await Promise.all([runAsync(put(store, 'a')), runAsync(put(store, 'b'))])
  expect(recovered).toEqual([expect.objectContaining({ code: 'ENOSPC' })])
  expect(database.batches.map(({ rows }) => rows.map(({ key }) => String(key)))).toEqual([['a', 'b']])
  failures.push(new DiskError('ENOSPC'), new DiskError('ENOSPC'))
  expect(await codeOf(runAsync(put(store, 'c')))).toBe('ENOSPC')
  expect(recovered.length).toBe(2)
})

test('a guard that refuses, or fails itself, leaves the failure of the batch', async () => {
  for (const recover of [async () => false, () => Promise.reject(new Error('the guard is broken'))]) {
    const { store, failures } = await failing({ space: { admit: () => {}, recover } })
    failures.push(new DiskError('EIO'))
    expect((await errorOf(runAsync(put(store, 'a')))).cause).toMatchObject({ code: 'EIO' })
  }
})

test('reads wait while a guard has the database closed', async () => {
  let database: SimulatedDatabase | undefined
  let entered = (): void => {}
  const recovering = new Promise<void>((resolve) => {
    entered = resolve
  })
  const space = {
    admit: () => {},
    recover: async () => {
      await database!.close()
      entered()
      for (let i = 0; i < 5; i++) await turn()
      await database!.open()
      return true
    },
  }
  const made = await failing({ space, cacheBytes: 0 })
  database = made.database
  await runAsync(put(made.store, 'a'))
  made.failures.push(new DiskError('ENOSPC'))
  const write = runAsync(put(made.store, 'b'))
  // Begun before the recovery, answered by a database that is closed in between.
  const early = runAsync(made.store.transact((tx) => tx.range(all)))
  await recovering
  expect(() => runSync(get(made.store, 'a'))).toThrow(expect.objectContaining({ code: 'ERR_VIVEFS_SYNC_UNAVAILABLE' }))
  const late = runAsync(made.store.transact((tx) => tx.range(all)))
  expect(await runAsync(get(made.store, 'a'))).toBe('a')
  for (const rows of await Promise.all([early, late])) expect(rows.map(({ key }) => String(key))).toEqual(['a', 'b'])
  await write
})

test('admission is asked before a commit is ordered, not for one that gives space back', async () => {
  const admitted: number[] = []
  const space = {
    admit: (size: number) => {
      admitted.push(size)
      if (size > 100) throw new FilesystemError('ENOSPC')
    },
    recover: async () => false,
  }
  const { store } = await failing({ space })
  await runAsync(put(store, 'a', 'xx'))
  const effect = vi.fn()
  const grow = (reclaims: boolean) =>
    store.transact(
      function* (tx) {
        tx.put(bytes('b'), new Uint8Array(200))
        tx.onCommit(effect)
      },
      { reclaims },
    )
  expect(await codeOf(runAsync(grow(false)))).toBe('ENOSPC')
  expect([effect.mock.calls.length, store.statistics().commits]).toEqual([0, 1])
  await runAsync(grow(true))
  await runAsync(store.transact((tx) => tx.get(bytes('a'))))
  expect(admitted).toEqual([3, 201])
})

test('a failed read is EIO with its cause and poisons nothing', async () => {
  let broken = true
  for (const getSync of [true, false]) {
    broken = true
    const { store } = await failing(
      { cacheBytes: 0 },
      {
        getSync,
        before: (operation) => {
          if (broken && operation !== 'open') throw new DiskError('LEVEL_CORRUPTION')
        },
      },
    )
    for (const op of [get(store, 'a'), store.transact((tx) => tx.range(all))]) {
      expect(await errorOf(runAsync(op as Op<unknown>))).toMatchObject({
        code: 'EIO',
        cause: { code: 'LEVEL_CORRUPTION' },
      })
    }
    broken = false
    expect(await runAsync(get(store, 'a'))).toBe(undefined)
  }
})

test('a database that does not open is ERR_VIVEFS_ENGINE, one in use elsewhere ERR_VIVEFS_LOCKED', async () => {
  for (const [cause, code] of [
    [new DiskError('LEVEL_DATABASE_NOT_OPEN', 'x', { cause: new DiskError('LEVEL_LOCKED') }), 'ERR_VIVEFS_LOCKED'],
    [new DiskError('LEVEL_DATABASE_NOT_OPEN'), 'ERR_VIVEFS_ENGINE'],
  ] as const) {
    const database = new SimulatedDatabase({
      before: () => {
        throw cause
      },
    })
    // An instance under construction opens itself in the next job; ask after that.
    await turn()
    await database.close().catch(() => {})
    const opening = openLevelStore(closed(database))
    expect(await errorOf(opening)).toMatchObject({ code, cause })
  }
})

/** The narrow interface in the place of the class that it stands for. */
const closed = (database: SimulatedDatabase) =>
  new Proxy(database, {
    get: (target, name) => {
      if (name === 'status') return 'closed'
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as unknown as Parameters<typeof openLevelStore>[0]

/** A day in the life of a store; answers the codes of its errors, and gives up on none. */
async function day(store: LevelStore): Promise<(string | undefined)[]> {
  const codes: (string | undefined)[] = []
  const attempt = async (op: Op<unknown>): Promise<void> => {
    try {
      await runAsync(op)
    } catch (error) {
      codes.push((error as { code?: string }).code ?? `no code: ${error}`)
    }
  }
  const move = (from: string, to: string): Op<void> =>
    store.transact(function* (tx) {
      const value = yield* tx.get(bytes(from))
      yield* tx.range({ ...all, limit: 3 })
      if (value !== undefined) tx.put(bytes(to), value)
      tx.del(bytes(from))
    })
  for (let round = 0; round < 4; round++) {
    await Promise.all(['a', 'b', 'c'].map((key) => attempt(put(store, key + round))))
    await Promise.all([
      attempt(move(`a${round}`, `d${round}`)),
      attempt(move(`b${round}`, `a${round}`)),
      attempt(store.barrier()),
      attempt(get(store, `c${round}`)),
      attempt(store.transact((tx) => tx.range(all))),
    ])
    if (store.caps.sync !== 'full') continue
    const joined = attempt(put(store, `e${round}`))
    for (const op of [move(`c${round}`, `b${round}`), store.barrier(), put(store, `f${round}`)]) {
      try {
        runSync(op)
      } catch (error) {
        codes.push((error as { code?: string }).code ?? `no code: ${error}`)
      }
    }
    await joined
  }
  try {
    await store.close()
  } catch (error) {
    codes.push((error as { code?: string }).code ?? `no code: ${error}`)
  }
  return codes
}

const coded = new Set(['EIO', 'ERR_VIVEFS_STORE_FAILED'])

for (const [name, options, simulation] of [
  ['group, synchronous reads', { cacheBytes: 0 }, { getSync: true }],
  ['group, no synchronous reads', { cacheBytes: 0 }, { getSync: false, turnsMax: 1, random: () => 0.9 }],
  ['relaxed', { durability: 'relaxed', relaxedMsMax: 1, relaxedBytesMax: 20 }, { getSync: true }],
  ['strict', { durability: 'strict', ownsDatabase: true }, { getSync: false }],
  ['everything on the spot', { cacheBytes: 0 }, { getSync: true, sync: true }],
  ['everything on the spot, strict', { durability: 'strict' }, { getSync: true, sync: true }],
] as const) {
  test(`the nth failure of every operation, for every n, is a coded error and no hang: ${name}`, async () => {
    let counted = 0
    const run = async (failAt: number): Promise<(string | undefined)[]> => {
      counted = 0
      const before = (operation: string): void => {
        if (operation === 'open') return
        if (++counted === failAt) throw new DiskError('EIO', `${operation} #${counted}`)
      }
      const database = new SimulatedDatabase({ ...simulation, before })
      await database.open()
      return day(new LevelStore(database, options))
    }
    expect(await run(-1)).toEqual([])
    const operations = counted
    expect(operations).toBeGreaterThan(10)
    for (let n = 1; n <= operations; n++) {
      const codes = await run(n)
      expect(codes.length, `failure ${n} of ${operations} is not kept silent`).toBeGreaterThan(0)
      for (const code of codes) expect(coded, `${code} after failure ${n}`).toContain(code)
    }
  })
}
