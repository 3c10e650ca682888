#!/usr/bin/env node
/**
 * `npm run screenshots`: photographs what people look at, with a headless Chromium of this machine: the media maps and the benchmark page into docs/images,
 * where guides show them, and the docs on a desktop and on a phone into evidence. Every page of the docs is opened at a phone's width: one that is wider than the screen is named.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Browser, findChromium } from './chromium.mjs'
import { site, sitePages } from './site.mjs'
import { root } from './steps.mjs'

if (process.argv.includes('--help')) {
  console.log(
    'Usage: node tools/screenshots.mjs\n\nPhotographs the map, the benchmark page and the docs. Example: npm run screenshots',
  )
  process.exit(0)
}
const program = findChromium()
if (program === undefined) {
  console.error('No Chromium was found: install one (Debian: apt-get install chromium), or name it in CHROMIUM.')
  process.exit(1)
}
const benchmark = join(root, 'evidence/bench-kv.html')
if (!existsSync(benchmark)) {
  console.error('There is no evidence/bench-kv.html: run npm run bench:kv first.')
  process.exit(1)
}

const DESKTOP = { width: 1280, height: 800 }
const PHONE = { width: 390, height: 844, mobile: true }
const images = join(root, 'docs/images')
const evidence = join(root, 'evidence')
const folder = mkdtempSync(join(tmpdir(), 'vivefs-screenshots-'))

/** Runs a program of the repository in the folder for temporary files. */
const runHere = (script, args) =>
  execFileSync(process.execPath, [join(root, script), ...args], { cwd: folder, stdio: 'ignore' })

/** The maps of the example that ages a folder onto three media: of its files, and of the database below them. */
function makeMaps() {
  runHere('examples/tiered-archive/index.mjs', ['archive', '--map', 'archive.html'])
  const media = ['--media', 'archive/media.json', '--html', 'map.html']
  runHere('packages/lsm/bin/vivelsm.js', ['map', 'archive', ...media])
}

async function photograph(browser, image, path, screen) {
  await browser.open(pathToFileURL(path).href, screen)
  writeFileSync(image, await browser.photograph())
  console.log(`${relative(root, image)}: ${Math.ceil(statSync(image).size / 1024)} KiB`)
}

/** Pages that a phone would scroll sideways. */
async function widePages(browser) {
  const wide = []
  for (const path of sitePages()) {
    await browser.open(pathToFileURL(path).href, PHONE, 0)
    const width = await browser.evaluate('document.documentElement.scrollWidth')
    if (width > PHONE.width) wide.push(`${relative(site, path)}: ${width} px`)
  }
  return wide
}

let wide
mkdirSync(images, { recursive: true })
const browser = await Browser.launch(program)
try {
  const guide = join(site, 'documents/Levels_on_the_media_you_choose.html')
  makeMaps()
  await photograph(browser, join(images, 'archive.png'), join(folder, 'archive.html'), { width: 860, height: 390 })
  await photograph(browser, join(images, 'map.png'), join(folder, 'map.html'), { width: 860, height: 560 })
  await photograph(browser, join(images, 'benchmark.png'), benchmark, { width: 860, height: 640 })
  await photograph(browser, join(evidence, 'docs.png'), join(site, 'index.html'), DESKTOP)
  await photograph(browser, join(evidence, 'docs-phone.png'), guide, PHONE)
  wide = await widePages(browser)
} finally {
  await browser.close()
  rmSync(folder, { recursive: true, force: true })
}
for (const page of wide) console.error(`wider than a phone: ${page}`)
console.log(`${sitePages().length} pages at a phone's width, ${wide.length} too wide`)
process.exit(wide.length === 0 ? 0 : 1)
