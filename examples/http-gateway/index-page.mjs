/** The listing of a directory as a page. */
import { posix } from 'node:path'

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text) => text.replace(/[&<>"']/g, (letter) => ESCAPES[letter])

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:50rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #ddd;padding:.3rem .6rem .3rem 0}
td:nth-child(n+2){color:#666;text-align:right;white-space:nowrap}a{text-decoration:none;word-break:break-all}`

function row(name, stats) {
  const isDirectory = stats.isDirectory()
  const shown = isDirectory ? `${name}/` : name
  const size = isDirectory ? '' : stats.size.toLocaleString('en')
  const time = stats.mtime.toISOString().slice(0, 16).replace('T', ' ')
  return `<tr><td><a href="./${encodeURIComponent(name)}${isDirectory ? '/' : ''}">${escaped(shown)}</a></td><td>${size}</td><td>${time}</td></tr>`
}

/** Of what may be seen through `fs`; what a link points to is shown, or else the link. */
export async function indexPage(fs, path) {
  const rows = path === '/' ? [] : ['<tr><td><a href="../">../</a></td><td></td><td></td></tr>']
  for (const name of await fs.readdir(path)) {
    const at = posix.join(path, name)
    const stats = await fs.stat(at).catch(() => fs.lstat(at).catch(() => undefined))
    if (stats !== undefined) rows.push(row(name, stats))
  }
  const title = escaped(path)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${STYLE}</style><h1>${title}</h1><table>
${rows.join('\n')}
</table></html>
`
}
