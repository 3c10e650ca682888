// A filesystem in your process, in ten lines: node index.mjs [DIRECTORY]
import { ViveFS } from 'vivefs'

const vive = await ViveFS.open(process.argv[2] ?? './first.vive') // made where there is none
const fs = vive.fs.promises
await fs.mkdir('/notes', { recursive: true })
await fs.writeFile('/notes/today.md', '# Today\n')
await fs.appendFile('/notes/today.md', '- try ViveFS\n')
await fs.link('/notes/today.md', '/notes/first.md').catch(() => console.log('(it was there already)'))
console.log(await fs.readFile('/notes/first.md', 'utf8'), vive.fs.readdirSync('/notes'))
await vive.close()
