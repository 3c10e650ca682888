/**
 * Data through a ladder of DRAM, directory, simulated SMR and simulated tape: every level on its medium, all of it read again, and appends only on
 * SMR and tape. Exit code 1 when one of these does not hold.
 *
 * Usage: node tools/bench.mjs ladder [MiB = 2048] [--html FILE] [--json FILE]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Medium, openDirectory, openMemory, openSmr, openTape } from '@vivefs/media'
import { mapText } from '../src/cli/map.ts'
import { mapPage } from '../src/media-map/page.ts'
import { evidenceOf, type RUNGS, throughLadder } from './through-ladder.ts'

const MIB = 1 << 20

function openMedia(directory: string): Record<(typeof RUNGS)[number], Medium> {
  return {
    dram: openMemory({ zoneCount: 128, zoneBytes: 4 * MIB }),
    ssd: openDirectory({ path: join(directory, 'ssd'), zoneBytes: 32 * MIB, zoneCount: 1024 }),
    smr: openSmr({ path: join(directory, 'smr.img'), zoneCount: 1024, zoneBytes: 16 * MIB, conventionalZones: 0 }),
    tape: openTape({ path: join(directory, 'tape.img'), zoneCount: 1024, zoneBytes: 64 * MIB }),
  }
}

async function main(): Promise<void> {
  const options = { html: { type: 'string' }, json: { type: 'string' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const mib = Number(positionals[0] ?? 2048)
  if (!(mib >= 16)) throw new Error('Usage: node tools/bench.mjs ladder [MiB, from 16] [--html FILE] [--json FILE]')
  const directory = mkdtempSync(join(process.env.VIVEFS_BENCH_DIR ?? tmpdir(), 'lsm-ladder-'))
  const media = openMedia(directory)
  const sizes = { bytes: mib * MIB, valueBytes: 1000, largeBytes: 32_768, largeEvery: 8, pointReads: 1000, scans: true }
  try {
    const result = await throughLadder({ media, ...sizes, say: (text) => console.log(text) })
    console.log(mapText(result.map))
    if (values.html !== undefined) writeFileSync(values.html, mapPage(result.map, `${mib} MiB through a ladder`))
    if (values.json !== undefined)
      writeFileSync(values.json, `${JSON.stringify({ mib, ...evidenceOf(result) }, undefined, 2)}\n`)
    const failed = result.checks.filter(({ holds }) => !holds).length
    console.log(failed === 0 ? 'all holds' : `${failed} of these do not hold`)
    process.exitCode = failed === 0 ? 0 : 1
  } finally {
    for (const medium of Object.values(media)) await medium.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

await main()
