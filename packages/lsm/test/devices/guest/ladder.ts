/**
 * Guest program: data through a ladder of memory, NVMe, SMR and tape. Says what holds, and a JSON line for the host.
 *
 * Usage: node ladder.mjs [MB = 200]
 */
import { realpathSync } from 'node:fs'
import { openBlock, openMemory, openTapeDrive, openZonefs } from '@vivefs/media'
import { evidenceOf, type LadderResult, throughLadder } from '../../../bench/through-ladder.ts'

const MIB = 1 << 20

async function openMedia() {
  return {
    dram: openMemory({ zoneCount: 32, zoneBytes: MIB }),
    ssd: await openBlock({
      path: realpathSync('/dev/vm/ssd'),
      format: 'overwrite',
      zoneBytes: 4 * MIB,
      zoneCount: 240,
    }),
    smr: await openZonefs({ path: '/mnt/smr', format: 'overwrite' }),
    tape: await openTapeDrive({
      path: '/dev/nst0',
      format: 'overwrite',
      zoneCount: 1024,
      zoneBytes: 16 * MIB,
      blockBytes: 64 << 10,
    }),
  }
}

function outcomeOf(result: LadderResult) {
  const failures = result.checks.filter(({ holds }) => !holds).map(({ what }) => what)
  return { passed: result.checks.length - failures.length, failed: failures.length, failures }
}

async function main(): Promise<void> {
  const mb = Number(process.argv[2] ?? 200)
  const media = await openMedia()
  const started = performance.now()
  const result = await throughLadder({
    media,
    bytes: mb * 1_000_000,
    valueBytes: 1000,
    largeBytes: 32_768,
    largeEvery: 8,
    pointReads: Number.POSITIVE_INFINITY,
    scans: false,
    // Ending a file on tape, and winding to another, takes seconds here.
    logBytes: 8 * MIB,
    longFiles: true,
    ladderLater: true,
    worker: new URL('./lsm-worker.mjs', import.meta.url),
    say: (text) => console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}`),
  })
  for (const medium of Object.values(media)) await medium.close()
  const outcome = outcomeOf(result)
  console.log(`RESULT ${JSON.stringify({ ...outcome, facts: { ladder: { mb, ...evidenceOf(result) } } })}`)
  process.exitCode = outcome.failed === 0 ? 0 : 1
}

await main()
