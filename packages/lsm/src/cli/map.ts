import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import Table from 'cli-table3'
import { cellOf, rowsOf } from '../media-map/grid.ts'
import type { MediaMap } from '../media-map/media-map.ts'
import { mapPage } from '../media-map/page.ts'
import { type OpenOptions, withLevel } from './open-level.ts'
import type { CommonOptions, Output } from './program.ts'
import { sizeText } from './text.ts'

export interface MapOptions extends CommonOptions, OpenOptions {
  /** Where the page goes. */
  readonly html?: string
}

const PLAIN = { style: { head: [], border: [] } }

/** The map as text: levels by media. */
export function mapText(map: MediaMap): string {
  const heads = map.media.map(({ name, state, liveBytes, capacityBytes }) => {
    return `${name}${state === 'online' ? '' : ` (${state})`}\n${sizeText(liveBytes)} of ${sizeText(capacityBytes)}`
  })
  const table = new Table({ head: ['', ...heads], ...PLAIN })
  for (const row of rowsOf(map)) {
    const cells = map.media.map(({ name }) => {
      const { files, bytes, garbageBytes } = cellOf(map, row, name)
      if (files.length === 0) return ''
      const dead = garbageBytes === 0 ? '' : `\n${Math.round((100 * garbageBytes) / bytes)} % garbage`
      const copies = files.filter(({ kind }) => kind === 'index').length
      const named = files.length === copies ? [] : [`${files.length - copies} files`]
      if (copies > 0) named.push(`${copies} copies of indexes`)
      return `${named.join(', ')}\n${sizeText(bytes)}${dead}`
    })
    table.push([row.title, ...cells])
  }
  const policy = map.policy ?? 'not told: which one places files is known to who writes, --policy tells it here'
  return `policy ${policy}\n${table.toString()}`
}

/** Prints where everything is, or makes a page of it. */
export function map(location: string, o: MapOptions, output: Output): Promise<void> {
  return withLevel(location, o, async (level) => {
    const view = level.map()
    if (o.html !== undefined) {
      writeFileSync(o.html, mapPage(view, location))
      output.line(`written: ${o.html}`)
    } else output.line(o.json === true ? JSON.stringify(view) : mapText(view))
  })
}

export interface WatchOptions extends MapOptions {
  /** Seconds between two looks. */
  readonly every: string
  /** Looks; endless where absent. */
  readonly count?: string
}

const CLEAR = '\u001b[2J\u001b[H'

/** Prints the map again and again, as the writer goes on. */
export function watch(location: string, o: WatchOptions, output: Output): Promise<void> {
  const seconds = Number(o.every)
  const count = o.count === undefined ? Number.POSITIVE_INFINITY : Number(o.count)
  if (!(seconds > 0) || !(count >= 1)) throw new Error('--every and --count are numbers above 0')
  return withLevel(location, o, async (level) => {
    for (let i = 0; i < count; i++) {
      if (i > 0) {
        await delay(seconds * 1000)
        await level.refresh()
      }
      const view = level.map()
      if (o.json === true) output.line(JSON.stringify(view))
      else output.line(`${process.stdout.isTTY ? CLEAR : ''}${new Date().toISOString()}  ${location}\n${mapText(view)}`)
    }
  })
}
