#!/usr/bin/env node
/**
 * `npm run test:deep`: the full counts of every suite (VIVEFS_DEEP=1) and the memory proof of a big import; writes
 * evidence/deep.json with commit, Node version, seeds, counts and seconds, one part for each set of filters: a run of some
 * packages leaves what other runs found about others.
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

/** Lines of the suites that name a seed, which replays a run, or a count. */
const PROOF = /\bseeds?\b.*\d|\b\d+ (?:points|schedules|rounds|flips|cycles|inputs)\b/
/** The reporter's own lines. */
const REPORTER = /^(?:\s|stdout \||stderr \||[✓×❯↓])/
const proofs = []

/** Suites of more tests than this are told by number. */
const TESTS_LISTED_MAX = 60

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
    const text = stripVTControlCharacters(line)
    if (PROOF.test(text) && !REPORTER.test(text)) proofs.push(text.trim())
  }
  const [code] = await exited
  return code ?? 1
}

const start = performance.now()
const code = await runTests()
const seconds = (performance.now() - start) / 1000
const steps =
  filters.length === 0
    ? [
        ['import of 300,000 files and 8 GiB', () => runTool('big-import.mjs', ['--json'])],
        [
          'a mount held for an hour',
          () => runTool('mount.mjs', ['--hold', '3600', '--json', 'evidence/mount-hold.json']),
        ],
        [
          'a server of a mount killed 50 times',
          () => runTool('mount.mjs', ['--kills', '50', '--json', 'evidence/mount-kills.json']),
        ],
        ['faults in the face that its tests catch', () => runTool('fs-mutants.mjs', [])],
      ]
    : []
const results = [{ title: 'tests with full counts', code, seconds }, ...runSteps(steps)]

/** What one test file came to. */
function suiteOf({ name, status, assertionResults, startTime, endTime }) {
  const listed = assertionResults.length <= TESTS_LISTED_MAX ? assertionResults : []
  return {
    file: name.slice(root.length),
    status,
    seconds: (endTime - startTime) / 1000,
    tests: assertionResults.length,
    skipped: assertionResults.filter(({ status: verdict }) => verdict !== 'passed' && verdict !== 'failed').length,
    failed: assertionResults.filter(({ status: verdict }) => verdict === 'failed').map(({ fullName }) => fullName),
    named: listed.map(({ fullName, status: verdict, duration }) => ({ name: fullName, verdict, ms: duration })),
  }
}

const tests = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined
const part = {
  commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim(),
  when: new Date().toISOString(),
  node: process.version,
  cores: cpus().length,
  result: results.every(({ code }) => code === 0) ? 'passed' : 'failed',
  steps: results,
  passed: tests?.numPassedTests,
  failed: tests?.numFailedTests,
  proofs,
  suites: tests?.testResults.map(suiteOf),
}
const file = join(folder, 'deep.json')
const before = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
const key = filters.length === 0 ? 'all' : filters.join(' ')
const { parts = {} } = before
writeFileSync(file, `${JSON.stringify({ parts: { ...parts, [key]: part } }, null, 2)}\n`)
console.log(`\nWritten to evidence/deep.json as ${key}`)
process.exit(part.result === 'passed' ? 0 : 1)
