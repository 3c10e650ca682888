/** The table on the terminal. */
import Table from 'cli-table3'
import { type Cell, type RowVerdict, type Summary, targetText } from './verdict.ts'

/** Three significant digits. */
export function figureText(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value.toPrecision(3)
}

function cellText(cell: Cell | undefined, unit: string): string {
  if (cell === undefined) return '-'
  const wall = unit === 'CPU us' ? `\n${figureText(cell.wallUs)} wall` : ''
  const ratio = cell.ratio === undefined ? '' : `\n${figureText(cell.ratio)}x`
  return `${figureText(cell.median)}${wall}${ratio}`
}

export function printReport(
  ours: string,
  verdicts: readonly RowVerdict[],
  peers: readonly string[],
  summary: Summary,
): void {
  const table = new Table({
    head: ['workload', 'unit', ...peers, 'ship', 'moonshot'],
    style: { head: [], border: [], compact: true },
    wordWrap: true,
  })
  for (const { title, unit, cells, ship, moonshot, moonshotShare, shipTarget, moonshotTarget } of verdicts) {
    if (cells.length === 0) continue // not wanted this time
    const share = moonshotShare === undefined ? '' : ` (${Math.round(Math.min(moonshotShare, 9.99) * 100)} %)`
    table.push([
      title,
      unit,
      ...peers.map((peer) =>
        cellText(
          cells.find((cell) => cell.peer === peer),
          unit,
        ),
      ),
      ship === 'no target' ? '' : `${ship}\n${targetText(shipTarget)}`,
      moonshot === 'no target' ? '' : `${moonshot}${share}\n${targetText(moonshotTarget)}`,
    ])
  }
  console.log(table.toString())
  console.log(`The third line of a cell: how many times better ${ours} is than that peer.`)
  for (const { title, ship, reason } of verdicts) if (ship === 'missed') console.log(`missed: ${title}: ${reason}`)
  const { judged, met, moonshots, moonshotShare } = summary
  if (judged === 0) {
    console.log(`${ours} was not measured: there is nothing to judge.`)
    return
  }
  console.log(`ship: ${met} of ${judged} rows (${Math.round((met / judged) * 100)} %)`)
  const share = moonshotShare === undefined ? '' : `; all of them are reached to ${Math.round(moonshotShare * 100)} %`
  console.log(`moonshot: ${moonshots} rows${share} (geometric mean)`)
}
