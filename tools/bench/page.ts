/** The same figures as one HTML page that needs nothing else: bars for the medians, marks for the rounds. */
import { figureText } from './report.ts'
import { type RowVerdict, type Summary, targetText } from './verdict.ts'

const WIDTH = 720
const LABEL = 120
const VALUE = 150
const BAR = 16
const GAP = 8

const STYLE = `
:root { color-scheme: light dark; --ours: #0b7285; --other: #868e96; --mark: #e8590c; --line: #8884 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 780px; margin: 2rem auto; padding: 0 1rem }
h2 { font-size: 1.05rem; margin: 2rem 0 .2rem; border-top: 1px solid var(--line); padding-top: 1rem }
p { margin: .2rem 0 } svg { width: 100%; height: auto } text { font: 13px system-ui, sans-serif; fill: currentColor }
table { border-collapse: collapse; margin: .6rem 0 } th { text-align: left; font-weight: 600 } td, th { padding: .1rem 1rem .1rem 0; vertical-align: top; overflow-wrap: anywhere }
.met { color: #2b8a3e } .missed { color: #c92a2a } .note { opacity: .75 }
`

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)

function chart(ours: string, { cells, unit, title }: RowVerdict): string {
  const top = Math.max(...cells.flatMap(({ rounds }) => [...rounds]))
  const scale = (value: number) => LABEL + (value / top) * (WIDTH - LABEL - VALUE)
  const height = cells.length * (BAR + GAP)
  const bars = cells.map(({ peer, median, rounds, ratio }, i) => {
    const y = i * (BAR + GAP)
    const colour = peer === ours ? 'var(--ours)' : 'var(--other)'
    const marks = rounds.map((round) => {
      const x = scale(round).toFixed(1)
      return `<line x1="${x}" x2="${x}" y1="${y + 2}" y2="${y + BAR - 2}" stroke="var(--mark)" stroke-width="1.5"/>`
    })
    const width = Math.max(1, scale(median) - LABEL).toFixed(1)
    const versus = ratio === undefined ? '' : ` (${ours}: ${figureText(ratio)}x)`
    return `<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escapeHtml(peer)}</text>
<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR}" fill="${colour}" rx="2"/>${marks.join('')}
<text x="${(scale(Math.max(median, ...rounds)) + 6).toFixed(1)}" y="${y + 13}">${figureText(median)}${versus}</text>`
  })
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(`${title}, ${unit}`)}">${bars.join('\n')}</svg>`
}

function section(ours: string, row: RowVerdict): string {
  const { title, unit, ship, moonshot, shipTarget, moonshotTarget, moonshotShare, reason, cells } = row
  const standing = (name: string, value: string, target: string, more = '') =>
    value === 'no target' ? '' : `<p class="${value}">${name} (${escapeHtml(target)}): ${value}${more}</p>`
  const share = moonshotShare === undefined ? '' : `, ${Math.round(moonshotShare * 100)} % of it`
  return `<h2>${escapeHtml(title)}</h2><p class="note">${escapeHtml(unit)}, ${unit === 'per second' ? 'more' : 'less'} is better</p>
${cells.length === 0 ? '<p>not measured</p>' : chart(ours, row)}
${standing('ship', ship, targetText(shipTarget))}${standing('moonshot', moonshot, targetText(moonshotTarget), share)}
${reason === undefined ? '' : `<p>Reason: ${escapeHtml(reason)}</p>`}`
}

/** What was measured and on what, line by line; of what has parts each part. */
function facts(about: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(about).flatMap(([name, value]): [string, unknown][] => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[name, value]]
    return Object.entries(value).map(([part, each]) => [`${name}: ${part}`, each])
  })
  const shown = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : String(value))
  const rows = lines.map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(shown(value))}</td></tr>`)
  return `<table class="note">${rows.join('\n')}</table>`
}

export function page(
  title: string,
  ours: string,
  verdicts: readonly RowVerdict[],
  summary: Summary,
  about: Readonly<Record<string, unknown>>,
): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>${STYLE}</style></head><body>
<h1>${escapeHtml(title)}</h1>
<p>Ship: ${summary.met} of ${summary.judged} rows. Moonshot: ${summary.moonshots} rows.</p>
${facts(about)}
<p class="note">Bars are medians, marks the single rounds. Every round of a peer ran in a process of its own, in turns.</p>
${verdicts.map((row) => section(ours, row)).join('\n')}
</body></html>
`
}
