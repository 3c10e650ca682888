/** The built documentation as files: its pages, and references between them that lead nowhere. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { root } from './steps.mjs'

export const site = join(root, 'docs/reference')

/** Paths of all pages, below `site`. */
export function sitePages() {
  const files = readdirSync(site, { recursive: true, withFileTypes: true })
  return files.filter(({ name }) => name.endsWith('.html')).map(({ parentPath, name }) => join(parentPath, name))
}

const decoded = (text) => text.replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&quot;', '"')

/** References from one page to a place in another that is not there: `{ page, href }`. */
export function deadPlaces() {
  const pages = new Map(sitePages().map((path) => [path, readFileSync(path, 'utf8')]))
  const places = new Map()
  for (const [path, html] of pages)
    places.set(path, new Set([...html.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id]) => decoded(id))))
  const dead = []
  for (const [path, html] of pages) {
    for (const [, raw] of html.matchAll(/<a [^>]*?href="([^"]*#[^"]+)"/g)) {
      const href = decoded(raw)
      if (/^[a-z]+:/i.test(href)) continue
      const url = new URL(href, pathToFileURL(path))
      const target = resolve(dirname(path), fileURLToPath(new URL(url.pathname, 'file:///')))
      if (places.get(target)?.has(decodeURIComponent(url.hash.slice(1))) !== true)
        dead.push({ page: relative(site, path), href })
    }
  }
  return dead
}
