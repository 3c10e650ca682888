import { cellOf, type MapCell, rowsOf } from './grid.ts'
import type { FileView, MediaMap, MediumView } from './media-map.ts'

const HOUR_MS = 3_600_000
const COLUMN = 230
const LEFT = 110
const TOP = 96
const BOX_HEIGHT = 15
const GAP = 3
const PAD = 8

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

export function sizeOf(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const unit = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10))
  return unit === 0 ? `${bytes} B` : `${(bytes / 1024 ** unit).toFixed(1)} ${units[unit]}`
}

/** Blue is cold, red is hot: by reads per MiB and hour, on a scale of powers of ten. */
function colourOf(heat: number): string {
  const share = Math.min(1, Math.max(0, (Math.log10(heat + 0.01) + 2) / 4))
  return `hsl(${Math.round(215 - 205 * share)} 62% ${Math.round(58 - 6 * share)}%)`
}

function titleOf({ kind, number, bytes, garbageBytes, ageMs, heat, media, volatile }: FileView): string {
  const garbage = `${((100 * garbageBytes) / Math.max(1, bytes)).toFixed(0)} % garbage`
  const hours = `${(ageMs / HOUR_MS).toFixed(1)} h old`
  const heatText = `${heat.toFixed(2)} reads per MiB and hour`
  const where = media.length > 1 ? `; begins on ${media[0]}, goes on on ${media.slice(1).join(', ')}` : ''
  return `${kind}-${number}: ${sizeOf(bytes)}, ${garbage}, ${hours}, ${heatText}${volatile ? ', volatile' : ''}${where}`
}

/** One box a file: width by size, hatched by garbage, coloured by heat. */
function boxes({ files }: MapCell, x: number, y: number, widest: number): { svg: string; height: number } {
  let svg = ''
  let [left, top] = [x + PAD, y + PAD]
  for (const file of [...files].sort((a, b) => a.number - b.number)) {
    const width = Math.max(4, Math.round((Math.sqrt(file.bytes) / Math.sqrt(widest)) * 64))
    if (left + width > x + COLUMN - PAD) {
      left = x + PAD
      top += BOX_HEIGHT + GAP
    }
    const dead = Math.round(width * (file.garbageBytes / Math.max(1, file.bytes)))
    const fill = file.kind === 'index' ? '#ffffff' : colourOf(file.heat)
    const dash = file.volatile ? ' stroke-dasharray="3 2"' : ''
    svg += `<g><title>${escaped(titleOf(file))}</title><rect x="${left}" y="${top}" width="${width}" height="${BOX_HEIGHT}" rx="2" fill="${fill}" stroke="#1c2733"${dash}/>`
    if (dead > 0)
      svg += `<rect x="${left + width - dead}" y="${top}" width="${dead}" height="${BOX_HEIGHT}" fill="url(#dead)"/>`
    svg += '</g>'
    left += width + GAP
  }
  return { svg, height: files.length === 0 ? 0 : top + BOX_HEIGHT + PAD - y }
}

function head({ name, state, liveBytes, capacityBytes, durable, sync }: MediumView, x: number): string {
  const share = capacityBytes === 0 ? 0 : Math.min(1, liveBytes / capacityBytes)
  const kind = [durable ? '' : 'volatile', sync ? '' : 'asynchronous', state === 'online' ? '' : state].filter(
    (text) => text !== '',
  )
  return `<text x="${x + PAD}" y="24" class="name">${escaped(name)}</text>
<text x="${x + PAD}" y="42">${sizeOf(liveBytes)} of ${sizeOf(capacityBytes)}</text>
<text x="${x + PAD}" y="58" class="${state === 'online' ? '' : 'bad'}">${kind.join(', ')}</text>
<rect x="${x + PAD}" y="68" width="${COLUMN - 2 * PAD}" height="6" fill="#dde3ea"/>
<rect x="${x + PAD}" y="68" width="${Math.round((COLUMN - 2 * PAD) * share)}" height="6" fill="#3f7f5f"/>`
}

/** The map as one SVG element. */
export function mapSvg(map: MediaMap): string {
  const widest = Math.max(1, ...map.files.map(({ bytes }) => bytes))
  const width = LEFT + COLUMN * map.media.length
  let body = map.media.map((medium, i) => head(medium, LEFT + COLUMN * i)).join('\n')
  let y = TOP
  for (const [n, row] of rowsOf(map).entries()) {
    const cells = map.media.map(({ name }) => cellOf(map, row, name))
    const drawn = cells.map((cell, i) => boxes(cell, LEFT + COLUMN * i, y, widest))
    const height = Math.max(44, ...drawn.map((cell) => cell.height + 16))
    body += `<rect x="0" y="${y}" width="${width}" height="${height}" fill="${n % 2 === 0 ? '#f2f5f8' : '#ffffff'}"/>`
    body += `<text x="8" y="${y + 20}" class="name">${row.title}</text>`
    for (const [i, { svg }] of drawn.entries()) {
      const { files, bytes } = cells[i]!
      body += svg
      if (files.length === 0) continue
      body += `<text x="${LEFT + COLUMN * i + PAD}" y="${y + height - 5}" class="sum">${files.length} files, ${sizeOf(bytes)}</text>`
    }
    y += height
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" font-family="system-ui, sans-serif" font-size="12">
<style>.name{font-weight:600;font-size:14px}.sum{fill:#5a6875;font-size:11px}.bad{fill:#b3261e}</style>
<defs><pattern id="dead" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5" fill="#ffffff" fill-opacity="0.55"/><line x1="0" y1="0" x2="0" y2="5" stroke="#1c2733" stroke-width="1.4"/></pattern></defs>
${body}
</svg>`
}

function trafficRows({ media }: MediaMap): string {
  const rows = media.flatMap(({ name, traffic }) => {
    return Object.entries(traffic).map(([reason, bytes]) => {
      return `<tr><td>${escaped(name)}</td><td>${reason}</td><td>${sizeOf(bytes!.written)}</td><td>${sizeOf(bytes!.read)}</td></tr>`
    })
  })
  if (rows.length === 0) return ''
  const heads = '<tr><th>medium</th><th>for</th><th>written</th><th>read</th></tr>'
  return `<h2>Bytes since the database was opened</h2><table>${heads}${rows.join('')}</table>`
}

/** The map as a page that needs nothing else. */
export function mapPage(map: MediaMap, what: string): string {
  const bytes = map.files.reduce((sum, file) => sum + file.bytes, 0)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(what)}: levels and media</title>
<style>body{font-family:system-ui,sans-serif;margin:24px;color:#1c2733}h1{font-size:20px}h2{font-size:15px}
table{border-collapse:collapse;font-size:13px}td,th{padding:3px 14px 3px 0;text-align:left}.key{color:#5a6875;font-size:13px}</style></head>
<body><h1>${escaped(what)}</h1>
<p>${map.files.length} files, ${sizeOf(bytes)}; policy <b>${escaped(map.policy ?? 'not told')}</b></p>
<p class="key">A box is a file: its width grows with its size, its colour goes from cold blue to hot red, what is hatched is garbage, a broken edge
is volatile, a white one is the copy of an index. Point at one for more.</p>
${mapSvg(map)}
${trafficRows(map)}
</body></html>
`
}
