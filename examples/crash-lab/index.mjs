// Cuts the power at every moment and looks at what survives: node index.mjs [--at N] [--json]
import { parseArgs } from 'node:util'
import { KINDS, live } from './lab.mjs'
import { openNaive, openVolume } from './stores.mjs'
import { TEXTS } from './story.mjs'

const STORES = { vivefs: openVolume, 'two places in turn': openNaive }

const { values } = parseArgs({ options: { at: { type: 'string' }, json: { type: 'boolean', default: false } } })

/** Every life of a store with one kind of cut, in order. */
async function lives(open, kind) {
  const seen = []
  const first = values.at === undefined ? 1 : Number(values.at)
  for (let cutAt = first; ; cutAt++) {
    const one = await live(open, cutAt, kind)
    if (!one.isOver) seen.push({ cutAt, ...one.reached, seen: one.seen })
    if (one.isOver || values.at !== undefined) return seen
  }
}

const isGood = ({ seen }) => seen.startsWith('text') || seen === 'nothing yet'

/** A letter for each life: which text was found (a = 1), `-` none yet and none promised, capitals for what must not be. */
function letterOf({ seen }) {
  if (seen === 'nothing yet') return '-'
  return seen.startsWith('text ') ? String.fromCharCode(96 + Number(seen.slice(5))) : seen[0]
}

const results = {}
for (const [store, open] of Object.entries(STORES)) {
  results[store] = {}
  for (const kind of Object.keys(KINDS)) results[store][kind] = await lives(open, kind)
}

if (values.json) console.log(JSON.stringify(results, null, 2))
else {
  console.log(`A letter is written ${TEXTS} times (a to l), every third text is promised to be safe.`)
  console.log('The power goes at each operation of the medium in turn. What is found afterwards:\n')
  for (const [store, kinds] of Object.entries(results)) {
    console.log(store)
    for (const [kind, all] of Object.entries(kinds)) {
      const bad = all.filter((one) => !isGood(one)).length
      console.log(`  of what was not flushed, ${kind} is left: ${all.length} cuts, ${bad} bad`)
      for (const line of all
        .map(letterOf)
        .join('')
        .match(/.{1,100}/g) ?? [])
        console.log(`    ${line}`)
    }
    console.log()
  }
  console.log('L a promised text is lost, M what is found was never written like that, U it cannot be read')
}
