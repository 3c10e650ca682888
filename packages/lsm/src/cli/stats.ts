import Table from 'cli-table3'
import { withLevel } from './open-level.ts'
import type { CommonOptions, Output } from './program.ts'
import { sizeText } from './text.ts'

/** Prints how a database stands. */
export async function stats(location: string, o: CommonOptions, output: Output): Promise<void> {
  await withLevel(location, o, async (level) => {
    const { levels, tables, blobs, space, lastSequence, keptSnapshots } = level.stats()
    if (o.json === true) {
      output.line(JSON.stringify({ levels, tables, blobs, space, lastSequence, keptSnapshots: level.keptSnapshots() }))
      return
    }
    const table = new Table({ head: ['level', 'tables', 'size', 'entries'], style: { head: [], border: [] } })
    for (const { level: number, tables: count, bytes, entries } of levels)
      if (count > 0) table.push([number, count, sizeText(bytes), entries])
    output.line(table.toString())
    output.line(`${tables.count} tables, ${sizeText(tables.bytes)}; newest sequence number ${lastSequence}`)
    if (blobs.files > 0) {
      const alive = `${sizeText(blobs.liveBytes)} of ${sizeText(blobs.bytes)} alive`
      output.line(`${blobs.liveValues} values apart from their keys in ${blobs.files} files, ${alive}`)
    }
    const { bytes, logBytes, liveBytesMin, amplificationMax } = space
    const times = amplificationMax === undefined ? '' : `: at most ${amplificationMax.toFixed(2)} times`
    const alive = `${sizeText(liveBytesMin)} alive at the least${times}`
    output.line(`${sizeText(bytes)} in all files, ${sizeText(logBytes)} of it logs not in tables yet; ${alive}`)
    output.line(`${keptSnapshots} kept snapshots`)
  })
}
