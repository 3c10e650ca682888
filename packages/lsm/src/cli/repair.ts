import { COMPACTION_DEFAULTS } from '../compaction/defaults.ts'
import { runAsync } from '../op.ts'
import { fileName } from '../storage/storage.ts'
import { repair } from '../version/repair.ts'
import type { CommonOptions, Output } from './program.ts'
import { withStorage } from './with-storage.ts'

/** Rebuilds the manifest. Answers with the exit code: 1 when something was lost. */
export function repairCommand(
  location: string,
  o: CommonOptions & { dryRun?: boolean },
  output: Output,
): Promise<number> {
  const dryRun = o.dryRun === true
  return withStorage(location, dryRun, async (storage) => {
    const { blockBytes, restartInterval, filterBitsPerKey, prefixBytes, compression, tableBytesMax } =
      COMPACTION_DEFAULTS
    const shape = { blockBytes, restartInterval, filterBitsPerKey, prefixBytes, compression }
    const report = await runAsync(repair(storage, { shape, tableBytes: tableBytesMax, dryRun }))
    const { tables, logs, damaged, entries, lastSequence } = report
    if (o.json === true) output.line(JSON.stringify({ tables, logs, damaged, entries, lastSequence, dryRun }))
    else {
      for (const { kind, number, what } of damaged) output.line(`${fileName(kind, number)}: ${what}`)
      output.line(`${tables} tables and ${logs} logs are usable, up to sequence number ${lastSequence}`)
      output.line(dryRun ? 'nothing was changed' : `${entries} entries are in the new tree`)
    }
    return damaged.length === 0 ? 0 : 1
  })
}
