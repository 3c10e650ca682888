// The same on tiers: new data on a directory, what it is compacted into on a shingled disk (simulated): node tiers.mjs [DIRECTORY]
import { writeFileSync } from 'node:fs'
import { ladder } from '@vivefs/lsm'
import { openDirectory, openSmr } from '@vivefs/media'
import { ViveFS } from 'vivefs'

const at = process.argv[2] ?? './first-tiers'
const media = { ssd: openDirectory({ path: `${at}/ssd` }), smr: openSmr({ path: `${at}/smr.img` }) }
const vive = await ViveFS.open({ media, home: ['ssd'], policy: ladder(['ssd', 'smr']) })
const fs = vive.fs.promises
await fs.mkdir('/photos', { recursive: true })
for (let i = 0; i < 600; i++) await fs.writeFile(`/photos/${i}.raw`, Buffer.alloc(100_000, i))
console.log(await fs.readdir('/photos').then((names) => names.length), 'photos')

// Where everything is now: files of the database by medium.
for (const { media, level, kind, bytes } of vive.mediaMap().files)
  if (bytes > 0) console.log(media.join().padEnd(4), `${kind}${level < 0 ? '' : ` of level ${level}`},`, bytes, 'bytes')

// What tools need to find the media again: npx vivelsm map tiers --media first-tiers/media.json --html map.html
const specs = Object.entries(media).map(([name, medium]) => [name, medium.spec])
writeFileSync(`${at}/media.json`, JSON.stringify({ media: Object.fromEntries(specs), home: ['ssd'] }, null, 2))
await vive.close()
for (const medium of Object.values(media)) await medium.close()
