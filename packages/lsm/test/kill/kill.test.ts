/** kill -9 under load: nothing acknowledged is lost, batches are whole. 3 kills by default, 100 with VIVEFS_DEEP=1. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { type Bundled, bundle, run } from '../bundle.ts'

const KILLS = process.env.VIVEFS_DEEP === '1' ? 100 : 3

let bundled: Bundled
beforeAll(async () => {
  bundled = await bundle('kill/writer.ts')
}, 120_000)
afterAll(() => bundled.remove(), 120_000)

/** What the keys hold after batch `count`, by the writer's rule. */
function expected(count: number, seed: number): Map<string, string> {
  const rows = new Map([['count', String(count)]])
  for (let n = 1; n <= count; n++)
    for (let i = 0; i < 10; i++) rows.set(`key ${(n * 31 + i * 7 + seed) % 400}`, `${n} ${'x'.repeat((n * 37) % 300)}`)
  return rows
}

test(`${KILLS} kills`, { timeout: 3_600_000 }, async () => {
  const seed = Date.now() % 1000
  const location = join(bundled.directory, 'db')
  let before = 0
  for (let kill = 0; kill < KILLS; kill++) {
    let acknowledged = before
    const target = before + 50 + ((kill * 97 + seed) % 400)
    const running = run(bundled.program, [location, bundled.worker, String(seed)], (line) => {
      if (line === 'ready') return
      acknowledged = Number(line)
      if (acknowledged >= target) running.child.kill('SIGKILL')
    })
    const { signal, output } = await running.ended
    expect(signal, `seed ${seed}: ${output.slice(-500)}`).toBe('SIGKILL')
    const level = new LsmLevel(location, { worker: false, readOnly: true })
    const rows = new Map(await level.iterator().all())
    await level.close()
    const count = Number(rows.get('count'))
    expect(count, `seed ${seed}, kill ${kill}`).toBeGreaterThanOrEqual(acknowledged)
    expect(rows, `seed ${seed}, kill ${kill}`).toEqual(expected(count, seed))
    before = count
  }
})
