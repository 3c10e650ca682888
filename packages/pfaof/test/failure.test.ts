import { type FaultMedium, type FaultRule, openFault, openMemory } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { Trace } from '../src/conformance/trace.ts'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'

/** The nth I/O fails, for every n: a coded error, no hang, no unhandled rejection, and the volume opens again. */
const STEP = process.env.VIVEFS_DEEP === '1' ? 1 : 5
const SEED = 5

function make() {
  return openMemory({ zoneCount: 28, zoneBytes: 16 << 10, durability: 'flush' })
}

async function attempt(rule: FaultRule, goesOn: boolean): Promise<boolean> {
  const inner = make()
  await (await Volume.create({ media: { m: inner }, now: () => 1 })).close()
  const medium = openFault(inner, { rules: [rule], seed: SEED }) as FaultMedium
  const trace = new Trace({ seed: SEED, operations: 100, media: ['m'], appendBytesMax: 8000 })
  let failure: unknown
  try {
    const volume = await Volume.open({ media: { m: medium } })
    await trace.run(volume)
    await volume.close()
  } catch (error) {
    failure = error
    if (!isPfaofError(error)) throw new Error(`${JSON.stringify(rule)}: not a coded error`, { cause: error })
  }
  const met = medium.count(rule.on) >= (rule.nth ?? 0)
  const again = await Volume.open({ media: { m: inner } }).catch((error: unknown) => {
    throw new Error(`${JSON.stringify(rule)}: does not open again after ${String(failure)}`, { cause: error })
  })
  try {
    if (failure !== undefined || !goesOn) await trace.oracle.checkRecovered(again)
  } catch (error) {
    throw new Error(
      `${JSON.stringify(rule)} after ${String(failure)}\n${trace.log.slice(-8).join('\n')}\n${(error as Error).message}`,
      { cause: error },
    )
  }
  await again.close()
  await inner.close()
  return met
}

describe('the nth operation fails', () => {
  for (const on of ['append', 'read', 'flush', 'reset', 'finish', 'report'] as const) {
    test(`${on}`, { timeout: 600_000 }, async () => {
      for (let nth = 1; await attempt({ on, nth, effect: { kind: 'error' } }, true); nth += STEP);
    })
  }

  for (const effect of [{ kind: 'short' }, { kind: 'torn' }, { kind: 'error', applied: true }] as const) {
    test(`append, ${effect.kind}${'applied' in effect ? ' but done' : ''}`, { timeout: 600_000 }, async () => {
      for (let nth = 1; await attempt({ on: 'append', nth, effect }, true); nth += STEP);
    })
  }
})

describe('disk full', () => {
  test('the nth append finds no space, and all after it: reads and deletes go on', { timeout: 600_000 }, async () => {
    for (let nth = 20; nth < 300; nth += STEP * 3) {
      const inner = make()
      const medium = openFault(inner, {
        rules: [{ on: 'append', nth, count: 3, effect: { kind: 'no-space' } }],
      }) as FaultMedium
      const volume = await Volume.create({ media: { m: medium }, now: () => 1 })
      const trace = new Trace({ seed: SEED, operations: 150, media: ['m'], appendBytesMax: 8000 })
      await trace.run(volume)
      await trace.oracle.checkLive(volume)
      // The end may be where it was full: then the next to open finds what a crash would have left.
      await volume.close().catch((error: unknown) => {
        if (!isPfaofError(error, 'PFAOF_NO_SPACE')) throw error
      })
      const again = await Volume.open({ media: { m: inner } })
      await trace.oracle.checkRecovered(again)
      await again.close()
      await inner.close()
    }
  })

  test('a volume filled to the last zone: appends are refused, reads and deletes go on, space comes back', async () => {
    const medium = openMemory({ zoneCount: 12, zoneBytes: 16 << 10, durability: 'flush' })
    const volume = await Volume.create({ media: { m: medium } })
    const names: string[] = []
    for (let round = 0; round < 5; round++) {
      for (let i = 0; ; i++) {
        const name = `r${round}-${i}`
        try {
          const file = await runAsync(volume.create({ name, media: ['m'] }))
          names.push(name)
          await runAsync(file.append([Buffer.alloc(5000, i)]))
          await runAsync(file.seal())
        } catch (error) {
          expect(isPfaofError(error, 'PFAOF_NO_SPACE'), String(error)).toBe(true)
          break
        }
      }
      expect(names.length).toBeGreaterThan(10)
      for (const name of names) {
        const file = await runAsync(volume.open(name))
        const into = Buffer.alloc(5000)
        await runAsync(file.read(0, into))
      }
      for (const name of names.splice(0)) await runAsync(volume.delete(name))
      await runAsync(volume.sync())
    }
    await volume.close()
    await medium.close()
  })
})
