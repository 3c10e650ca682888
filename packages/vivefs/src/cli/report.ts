/** How the report of a transfer is shown. */
import type { TransferReport } from '../transfer/types.ts'
import { humanBytes, humanCount, type Output } from './output.ts'

/** One line: what was done, how fast. */
export function summary(verb: string, report: TransferReport): string {
  const { files, directories, symlinks, hardLinks, specials, bytes, seconds } = report
  const parts = [`${humanCount(files)} files`, `${humanCount(directories)} directories`]
  if (symlinks > 0) parts.push(`${humanCount(symlinks)} symbolic links`)
  if (hardLinks > 0) parts.push(`${humanCount(hardLinks)} hard links`)
  if (specials > 0) parts.push(`${humanCount(specials)} special files`)
  const rate = seconds > 0 ? `, ${humanBytes(bytes / seconds)}/s` : ''
  return `${verb} ${parts.join(', ')}: ${humanBytes(bytes)} in ${seconds.toFixed(1)} s${rate}`
}

/** The whole report: findings first, then the summary. */
export async function showReport(output: Output, verb: string, report: TransferReport): Promise<void> {
  if (output.json) return await output.result(report, '')
  for (const { kind, path, message } of report.findings) await output.line(`${kind}: ${path}: ${message}`)
  const hidden = report.findingCount - report.findings.length
  if (hidden > 0) await output.line(`... and ${humanCount(hidden)} more`)
  await output.line(summary(verb, report))
}
