/** Libraries of the level world on top of LsmLevel. */
import { EntryStream } from 'level-read-stream'
import { ManyLevelGuest, ManyLevelHost } from 'many-level'
import { expect, test } from 'vitest'
import { LsmLevel } from '../src/index.ts'

const filled = async (): Promise<LsmLevel> => {
  const level = new LsmLevel('memory:', { worker: false, memtableBytes: 8192 })
  for (let i = 0; i < 500; i++) await level.put(`k${String(i).padStart(3, '0')}`, `value ${i}`)
  return level
}

test('level-read-stream', async () => {
  const level = await filled()
  const entries: { key: string; value: string }[] = []
  for await (const entry of new EntryStream(level as never, { gte: 'k100', limit: 250 }))
    entries.push(entry as { key: string; value: string })
  expect(entries.length).toBe(250)
  expect(entries[249]).toEqual({ key: 'k349', value: 'value 349' })
  await level.close()
})

const ANSWERED = new Set(['open', 'get', 'getMany', 'put', 'del', 'batch', 'clear', 'nextv', 'close'])
const ITERATORS = new Set(['iterator', 'keys', 'values'])

/** many-level 2 calls back, as abstract-level 1 did; with databases of abstract-level 3 it needs this in between, whatever engine it is. */
function callingBack<T extends object>(target: T): T {
  return new Proxy(target, {
    get(_, name) {
      const value = Reflect.get(target, name, target) as unknown
      if (typeof value !== 'function') return value
      if (ITERATORS.has(String(name))) return (...given: unknown[]) => callingBack(value.apply(target, given) as object)
      return (...given: unknown[]) => {
        const done = ANSWERED.has(String(name)) ? given.at(-1) : undefined
        if (typeof done !== 'function') return value.apply(target, given)
        ;(value.apply(target, given.slice(0, -1)) as Promise<unknown>).then(
          (answer) => done(null, answer),
          (error) => done(error),
        )
      }
    },
  })
}

test('many-level: a guest over a stream', async () => {
  const level = await filled()
  const host = new ManyLevelHost(callingBack(level) as never)
  const guest = new ManyLevelGuest<string, string>()
  const stream = host.createRpcStream()
  stream.pipe(guest.createRpcStream()).pipe(stream)
  await guest.put('from the guest', 'x')
  await guest.batch([{ type: 'del', key: 'k000' }])
  expect(await level.get('from the guest')).toBe('x')
  expect(await guest.get('k001')).toBe('value 1')
  const entries = await guest.iterator({ gte: 'k', lt: 'k010' }).all()
  expect(entries.map(([key]) => key)).toEqual(Array.from({ length: 9 }, (_, i) => `k00${i + 1}`))
  await guest.close()
  await level.close()
})
