// Agents at work on a directory that they look through to and cannot touch: node index.mjs [DIRECTORY]
import { fileURLToPath } from 'node:url'
import { Workspace } from './workspace.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const workspace = await Workspace.open('memory://', { from: process.argv[2] ?? here })
const show = (title, lines) => console.log(`${title}\n${lines.map((line) => `  ${line}`).join('\n')}\n`)
const before = workspace.now

const first = await workspace.step('writer', async ({ promises: fs }) => {
  await fs.writeFile('PLAN.md', '1. read\n2. change\n3. test\n')
  await fs.appendFile('README.md', '\nAn agent was here.\n')
})
show('The writer changed', first.changes)

await workspace
  .step('vandal', async ({ promises: fs }) => {
    await fs.rm('README.md')
    await fs.writeFile('/etc-passwd', 'root::0:0')
  })
  .catch((error) => show('The vandal was stopped, and its step is undone', [error.message]))

const lengths = await Promise.all(
  ['careful', 'hasty'].map((name) =>
    workspace.branch(name, name, async ({ promises: fs }) => {
      await fs.appendFile('PLAN.md', name === 'careful' ? '4. test again\n' : '')
      return `${name}: a plan of ${(await fs.readFile('PLAN.md', 'utf8')).split('\n').length - 1} steps`
    }),
  ),
)
show('Two agents tried it each on a branch of its own', lengths)

await workspace.undo(first.before)
show('After undoing the first step', [`differences: ${(await workspace.changesSince(first.before)).length}`])

const audit = await workspace.audit(before)
show(
  'Who did what',
  audit.slice(0, 12).map(({ seq, who, what }) => `${seq} ${who}: ${what}`),
)
await workspace.close()
