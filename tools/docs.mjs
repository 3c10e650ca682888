#!/usr/bin/env node
/** `npm run docs`: builds the site (guides and API reference) into docs/reference and checks it for dead links. */
import { join } from 'node:path'
import { LinkChecker } from 'linkinator'
import { deadPlaces } from './site.mjs'
import { root, runTool } from './steps.mjs'

if (process.argv.includes('--help')) {
  console.log('Usage: node tools/docs.mjs\n\nBuilds the documentation and checks its links. Example: npm run docs')
  process.exit(0)
}

const built = runTool('typedoc', [])
if (built !== 0) process.exit(built)
const { links } = await new LinkChecker().check({
  path: join(root, 'docs/reference'),
  recurse: true,
  // Only what the site itself promises: other sites come and go.
  linksToSkip: ['^https?://(?!localhost)'],
})
const dead = links.filter(({ state }) => state === 'BROKEN').map(({ url, parent }) => ({ href: url, page: parent }))
dead.push(...deadPlaces())
for (const { href, page } of dead) console.error(`dead link ${href} in ${page}`)
console.log(`docs/reference/index.html: ${links.length} links, ${dead.length} dead`)
process.exit(dead.length === 0 ? 0 : 1)
