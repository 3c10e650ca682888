/** kill -9 under load: nothing acknowledged is lost, batches are whole. 3 kills by default; 100 with VIVEFS_DEEP=1, 20 of the configurations beside. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { type Bundled, bundle, run } from '../bundle.ts'
import { type Configuration, configurationsOf, directoryMedia } from '../configurations.ts'

const DEEP = process.env.VIVEFS_DEEP === '1'
/** Of a configuration that is in every run, and of one that is not. */
const KILLS = DEEP ? 100 : 3
const KILLS_DEEP = 20

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

/** What a kill left. */
async function rowsOf(chosen: Configuration, location: string): Promise<Map<string, string>> {
  const media = directoryMedia(chosen, location, true)
  const level = new LsmLevel(location, { ...chosen.options, worker: false, readOnly: true, media })
  const rows = new Map(await level.iterator().all())
  await level.close()
  for (const medium of Object.values(media ?? {})) await medium.close()
  return rows
}

test.each(configurationsOf('kill'))('%s', { timeout: 3_600_000 }, async (name, chosen) => {
  const kills = chosen.kill === 'default' ? KILLS : KILLS_DEEP
  const seed = Date.now() % 1000
  const location = mkdtempSync(join(bundled.directory, 'db-'))
  // A database that is relaxed may lose what it held back; never more, and never out of order.
  const mayLose = chosen.options.durability === 'relaxed'
  let before = 0
  for (let kill = 0; kill < kills; kill++) {
    let acknowledged = before
    const target = before + 50 + ((kill * 97 + seed) % 400)
    const running = run(bundled.program, [name, location, bundled.worker, String(seed)], (line) => {
      if (line === 'ready') return
      acknowledged = Number(line)
      if (acknowledged >= target) running.child.kill('SIGKILL')
    })
    const { signal, output } = await running.ended
    expect(signal, `seed ${seed}: ${output.slice(-500)}`).toBe('SIGKILL')
    const rows = await rowsOf(chosen, location)
    const count = Number(rows.get('count'))
    // Every 50th batch is synced.
    const promised = mayLose ? Math.max(before, acknowledged - (acknowledged % 50)) : acknowledged
    expect(count, `seed ${seed}, kill ${kill}`).toBeGreaterThanOrEqual(promised)
    expect(rows, `seed ${seed}, kill ${kill}`).toEqual(expected(count, seed))
    before = count
  }
  console.log(`kill, ${name}: seed ${seed}, ${kills} kills, ${before} batches`)
})
