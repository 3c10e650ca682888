import { repairDatabase } from '../db/repair-database.ts'
import { withMedia } from './open-level.ts'
import type { CommonOptions, Output } from './program.ts'

/** Rebuilds the manifest. Answers with the exit code: 1 when something was lost. */
export function repairCommand(
  location: string,
  o: CommonOptions & { dryRun?: boolean },
  output: Output,
): Promise<number> {
  const dryRun = o.dryRun === true
  return withMedia(o.media, dryRun, async (media) => {
    const { tables, logs, damaged, entries, lastSequence } = await repairDatabase(location, { media, dryRun })
    if (o.json === true) output.line(JSON.stringify({ tables, logs, damaged, entries, lastSequence, dryRun }))
    else {
      for (const { file, what } of damaged) output.line(`${file}: ${what}`)
      output.line(`${tables} tables and ${logs} logs are usable, up to sequence number ${lastSequence}`)
      output.line(dryRun ? 'nothing was changed' : `${entries} entries are in the new tree`)
    }
    return damaged.length === 0 ? 0 : 1
  })
}
