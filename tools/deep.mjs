#!/usr/bin/env node
/**
 * `npm run test:deep`: the full counts of every suite (VIVEFS_DEEP=1) and the memory proof of a big import; writes
 * evidence/deep.json with commit, Node version, counts and seconds. Seeds are in the tests' own output.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
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

const steps = [
  [
    'tests with full counts',
    () =>
      runTool(
        'vitest',
        [
          'run',
          '--testTimeout=7200000',
          '--reporter=default',
          '--reporter=json',
          `--outputFile.json=${report}`,
          ...filters,
        ],
        { VIVEFS_DEEP: '1' },
      ),
  ],
]
if (filters.length === 0) steps.push(['import of 300,000 files and 8 GiB', () => runTool('big-import.mjs', ['--json'])])
const results = runSteps(steps)

const tests = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined
const evidence = {
  commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim(),
  when: new Date().toISOString(),
  node: process.version,
  cores: cpus().length,
  steps: results,
  passed: tests?.numPassedTests,
  failed: tests?.numFailedTests,
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
