#!/usr/bin/env node
/**
 * `npm run test:deep`: the full counts of every suite (VIVEFS_DEEP=1) and the memory proof of a big import; writes
 * evidence/deep.json with commit, Node version, seeds, counts and seconds.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'
import { root, runSteps, runTool } from './steps.mjs'

if (process.argv.includes('--help')) {
  console.log(
    'Usage: node tools/deep.mjs [test file filter ...]\n\nRuns the suites with their full counts. Example: npm run test:deep -- packages/pfaof',
  )
  process.exit(0)
}

const filters = process.argv.slice(2)
const folder = join(root, 'evidence')
const report = join(folder, 'deep-tests.json')
mkdirSync(folder, { recursive: true })

/** Lines of the suites that name a seed: what replays a run. */
const seeds = []

/** Runs the tests with their output both here and searched for seeds; answers the exit code. */
async function runTests() {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=7200000', ...reporters, ...filters]
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, VIVEFS_DEEP: '1', NO_COLOR: '1' },
  })
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line)
    if (/\bseeds?\b.*\d/.test(line)) seeds.push(stripVTControlCharacters(line).trim())
  }
  const [code] = await exited
  return code ?? 1
}

const start = performance.now()
const code = await runTests()
const seconds = (performance.now() - start) / 1000
const steps =
  filters.length === 0 ? [['import of 300,000 files and 8 GiB', () => runTool('big-import.mjs', ['--json'])]] : []
const results = [{ title: 'tests with full counts', code, seconds }, ...runSteps(steps)]

const tests = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined
const evidence = {
  commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim(),
  when: new Date().toISOString(),
  node: process.version,
  cores: cpus().length,
  steps: results,
  passed: tests?.numPassedTests,
  failed: tests?.numFailedTests,
  seeds,
  suites: tests?.testResults.map(({ name, status, assertionResults }) => ({
    file: name.slice(root.length),
    status,
    tests: assertionResults.map(({ fullName, status: verdict, duration }) => ({
      name: fullName,
      verdict,
      ms: duration,
    })),
  })),
}
writeFileSync(join(folder, 'deep.json'), `${JSON.stringify(evidence, null, 2)}\n`)
console.log('\nWritten to evidence/deep.json')
process.exit(results.some(({ code }) => code !== 0) ? 1 : 0)
