import { type FaultMedium, type FaultRule, openFault, openMemory } from '@vivefs/media'
import { describe, expect, test } from 'vitest'
import { Trace } from '../src/conformance/trace.ts'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'
import { closeAll } from './crash.ts'
import { KINDS } from './kinds.ts'

/** The nth I/O fails, for every n: a coded error, no hang, no unhandled rejection, and the volume opens again. */
const DEEP = process.env.VIVEFS_DEEP === '1'
const STEP = DEEP ? 1 : 5
const SEED = 5

const make = KINDS.memory!

/** False when there were fewer such operations. */
async function attempt(kind: string, rule: FaultRule): Promise<boolean> {
  const inner = KINDS[kind]!()
  await (await Volume.create({ media: inner, now: () => 1 })).close()
  const medium = openFault(inner.m!, { rules: [rule], seed: SEED }) as FaultMedium
  const media = { ...inner, m: medium }
  const trace = new Trace({ seed: SEED, operations: 100, media: Object.keys(media), appendBytesMax: 8000 })
  const where = `${kind}: ${JSON.stringify(rule)}`
  let failure: unknown
  try {
    const volume = await Volume.open({ media })
    await trace.run(volume)
    await volume.close()
  } catch (error) {
    failure = error
    if (!isPfaofError(error)) throw new Error(`${where}: not a coded error`, { cause: error })
  }
  const met = medium.count(rule.on) >= (rule.nth ?? 0)
  const again = await Volume.open({ media: inner }).catch((error: unknown) => {
    throw new Error(`${where}: does not open again after ${String(failure)}`, { cause: error })
  })
  try {
    if (failure !== undefined) await trace.oracle.checkRecovered(again)
  } catch (error) {
    throw new Error(
      `${where} after ${String(failure)}\n${trace.log.slice(-8).join('\n')}\n${(error as Error).message}`,
      { cause: error },
    )
  }
  await again.close()
  await closeAll(inner)
  return met
}

async function everyNth(kind: string, on: FaultRule['on'], effect: FaultRule['effect'], step: number): Promise<void> {
  let points = 0
  for (let nth = 1; await attempt(kind, { on, nth, effect }); nth += step) points++
  const what = 'applied' in effect ? `${effect.kind} but done` : effect.kind
  if (DEEP) console.log(`nth operation: seed ${SEED}, ${kind}: ${on}, ${what}: ${points} points`)
}

describe('the nth operation fails', () => {
  for (const kind of Object.keys(KINDS)) {
    // The default run takes memory in small steps and of the others a look.
    const step = DEEP || kind === 'memory' ? STEP : 83
    for (const on of ['append', 'read', 'flush', 'reset', 'finish', 'report', 'key'] as const) {
      test(`${kind}: ${on}`, { timeout: 600_000 }, () => everyNth(kind, on, { kind: 'error' }, step))
    }
    for (const effect of [{ kind: 'short' }, { kind: 'torn' }, { kind: 'error', applied: true }] as const) {
      const what = 'applied' in effect ? ' but done' : ''
      test(`${kind}: append, ${effect.kind}${what}`, { timeout: 600_000 }, () => everyNth(kind, 'append', effect, step))
    }
  }
})

describe('disk full', () => {
  test('the nth append finds no space, and all after it: reads and deletes go on', { timeout: 600_000 }, async () => {
    for (let nth = 20; nth < 300; nth += STEP * 3) {
      const inner = make().m!
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
