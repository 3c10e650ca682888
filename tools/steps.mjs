/** Runs named commands one after the other and shows a table of what took how long. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Runs one command in the workspace; answers its exit code. Its output goes to this terminal. */
export function run(command, args, env = {}) {
  const done = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, ...env },
  })
  if (done.error) throw done.error
  return done.status ?? 1
}

/** Runs a program of node_modules/.bin or a script of tools/. */
export const runTool = (name, args, env) =>
  name.endsWith('.mjs')
    ? run(process.execPath, [`tools/${name}`, ...args], env)
    : run(process.execPath, [`node_modules/${binaries[name]}`, ...args], env)

const binaries = {
  tsc: 'typescript/bin/tsc',
  biome: '@biomejs/biome/bin/biome',
  depcruise: 'dependency-cruiser/bin/dependency-cruise.mjs',
  vitest: 'vitest/vitest.mjs',
  typedoc: 'typedoc/bin/typedoc',
}

/** Runs steps `[title, () => exit code]`, all of them, and answers `[{ title, code, seconds }]`. */
export function runSteps(steps) {
  const results = []
  for (const [title, action] of steps) {
    console.log(`\n== ${title}`)
    const start = performance.now()
    const code = action()
    results.push({ title, code, seconds: (performance.now() - start) / 1000 })
  }
  console.log()
  for (const { title, code, seconds } of results) {
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1).padStart(7)} s  ${title}`)
  }
  return results
}
