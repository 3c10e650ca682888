/** A map of the archive as a page that reloads itself: where each file lies, folder by folder, and how old it is. */
const COLOURS = { ssd: '#2f7d5b', smr: '#3b6ea8', tape: '#8a5a2b', memory: '#8d99a6' }
const DAY_MS = 86_400_000

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** Files of one folder on one medium, a square each. */
function cellOf(files) {
  const squares = files.map(({ path, bytes, medium, ageDays }) => {
    const title = `${path}: ${mib(bytes)}, ${ageDays} days old`
    return `<i style="background:${COLOURS[medium] ?? '#555'}" title="${escaped(title)}"></i>`
  })
  return `<td>${squares.join('')}</td>`
}

/**
 * The page. `files` are of `archive.where`, each with `ageDays`; `media` are those of `mediaMap()`; `isLive`: it reloads itself every second.
 */
export function mapPage({ files, media, title, isLive }) {
  const folders = [...new Set(files.map(({ path }) => path.slice(0, path.lastIndexOf('/'))))].sort()
  const names = media.map(({ name }) => name)
  const heads = media.map(({ name, liveBytes, capacityBytes }) => {
    const count = files.filter(({ medium }) => medium === name).length
    const share = Math.min(100, Math.ceil((100 * liveBytes) / Math.max(1, capacityBytes)))
    const bar = `<div class="bar"><div style="width:${share}%;background:${COLOURS[name] ?? '#555'}"></div></div>`
    return `<th>${escaped(name)}<small>${count} files; ${mib(liveBytes)} in use</small>${bar}</th>`
  })
  const rows = folders.map((folder) => {
    const here = files.filter(({ path }) => path.startsWith(`${folder}/`))
    const cells = names.map((name) => cellOf(here.filter(({ medium }) => medium === name)))
    return `<tr><th scope="row">${escaped(folder)}</th>${cells.join('')}</tr>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
${isLive ? '<meta http-equiv="refresh" content="1">' : ''}<title>${escaped(title)}</title>
<style>body{font:15px system-ui,sans-serif;margin:24px;color:#1c2733;max-width:60rem}h1{font-size:20px}table{border-collapse:collapse;width:100%}
th,td{padding:8px 10px;text-align:left;vertical-align:top;border-bottom:1px solid #dde3ea}small{display:block;font-weight:400;color:#5a6875}
i{display:inline-block;width:14px;height:14px;margin:1px 3px 1px 0;border-radius:2px}.bar{height:5px;background:#e6ebf0;margin-top:5px}.bar div{height:5px}
p{color:#5a6875}</style></head>
<body><h1>${escaped(title)}</h1><p>A square is a file; point at one for its name, size and age.</p>
<table><thead><tr><th>folder</th>${heads.join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table>
</body></html>
`
}

/** Days since a file was written. */
export const ageInDays = (nowMs, mtimeMs) => Math.max(0, Math.round((nowMs - mtimeMs) / DAY_MS))
