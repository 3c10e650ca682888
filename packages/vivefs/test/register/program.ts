/** An unmodified program lives in a volume; this one registers the volume and runs it. Prints what it said. */
import nodeFs from 'node:fs'
import { createRequire } from 'node:module'
import { ViveFS } from '../../src/index.ts'
import { register } from '../../src/register/index.ts'

const vive = await ViveFS.open('memory://', { durability: 'relaxed' })
const { promises } = vive.fs
const files: Record<string, string> = {
  '/app/package.json': '{"name":"app","imports":{"#inner":"./lib/inner.cjs"}}',
  '/app/main.cjs': `
    const fs = require('fs')
    const { readFileSync } = require('node:fs')
    const answers = [require('./lib'), require('dep'), require('dep/sub/two'), require('#inner'), require('./data.json').n]
    answers.push(readFileSync(__dirname + '/note.txt', 'utf8'), fs.existsSync('/app/none'), fs.existsSync('/'))
    const fd = fs.openSync('/app/note.txt', 'r')
    const into = Buffer.alloc(2)
    fs.readSync(fd, into, 0, 2, 1)
    fs.closeSync(fd)
    answers.push(String(into), fs.statSync(__filename).isFile(), __filename)
    try { answers.push(require.resolve('dep')) } catch (error) { answers.push(error.code) }
    try { require('./absent') } catch (error) { answers.push(error.code) }
    try { fs.readFileSync('/app/none') } catch (error) { answers.push(error.message) }
    module.exports = answers`,
  '/app/main.mjs': `
    import fs, { readFileSync } from 'node:fs'
    import { readFile } from 'node:fs/promises'
    import lib from './lib/index.js'
    import dep, { kind } from 'dep'
    import data from './data.json' with { type: 'json' }
    const late = await import('./lib/late.mjs')
    export default [lib, dep, kind, data.n, late.default, readFileSync('/app/note.txt', 'utf8'),
      await readFile(new URL('./note.txt', import.meta.url), 'utf8'), fs.lstatSync('/app/link').isSymbolicLink(), import.meta.url]`,
  '/app/note.txt': 'a note',
  '/app/data.json': '{"n":42}',
  '/app/lib/index.js': "module.exports = 'lib'",
  '/app/lib/inner.cjs': "module.exports = 'inner'",
  '/app/lib/late.mjs': "export default 'late'",
  '/app/node_modules/dep/package.json':
    '{"name":"dep","exports":{".":{"import":"./m.mjs","require":"./c.cjs"},"./sub/*":"./sub/*.cjs"}}',
  '/app/node_modules/dep/c.cjs': "module.exports = 'dep by require'",
  '/app/node_modules/dep/m.mjs': "export default 'dep by import'; export const kind = 'esm'",
  '/app/node_modules/dep/sub/two.cjs': "module.exports = 'two'",
}
for (const [name, text] of Object.entries(files)) {
  await promises.mkdir(name.slice(0, name.lastIndexOf('/')), { recursive: true })
  await promises.writeFile(name, text)
}
await promises.symlink('note.txt', '/app/link')

let said: unknown
try {
  const { unregister } = register(vive.fs, { at: '/app' })
  const require = createRequire(import.meta.url)
  said = {
    required: require(String('/app/main.cjs')),
    imported: (await import(String('file:///app/main.mjs'))).default,
  }
  unregister()
  said = { ...(said as object), after: nodeFs.existsSync('/app/note.txt') }
} catch (error) {
  said = { code: (error as NodeJS.ErrnoException).code, message: (error as Error).message }
}
console.log(JSON.stringify(said))
await vive.close()
