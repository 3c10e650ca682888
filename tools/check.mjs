#!/usr/bin/env node
/** What `npm test` checks, all of it even after a failure: types, style, the dependency rule, tests, packed packages. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root, runSteps, runTool } from './steps.mjs'

if (process.argv.includes('--help')) {
  console.log('Usage: node tools/check.mjs\n\nRuns every check of `npm test`. Example: npm test')
  process.exit(0)
}

const report = join(root, 'evidence/test.json')
mkdirSync(join(root, 'evidence'), { recursive: true })

const results = runSteps([
  ['types', () => runTool('tsc', ['-p', 'tsconfig.json', '--noEmit'])],
  ['style and lint', () => runTool('biome', ['check', '--error-on-warnings', '.'])],
  [
    'dependency rule',
    () => runTool('depcruise', ['--config', '.dependency-cruiser.cjs', 'packages', 'examples', 'tools']),
  ],
  ['tests', () => runTool('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`])],
  ['packed packages, installed and used', () => runTool('try-packages.mjs', [])],
])

const tests = JSON.parse(readFileSync(report, 'utf8'))
printFailures(tests)
const failedSteps = results.filter(({ title, code }) => code !== 0 && title !== 'tests').length
const skipped = tests.numPendingTests + tests.numTodoTests
console.log(`\n${tests.numPassedTests} passed, ${tests.numFailedTests + failedSteps} failed, ${skipped} skipped`)
process.exit(results.some(({ code }) => code !== 0) ? 1 : 0)

/** Once more at the end, where it is seen: which tests failed and why, in a few lines each. */
function printFailures({ testResults }) {
  for (const { name, message, assertionResults } of testResults) {
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    for (const { fullName, failureMessages } of failed) {
      const why = failureMessages.join('\n').split('\n').slice(0, 8).join('\n  ')
      console.log(`\nFAILED ${relative(root, name)}: ${fullName}\n  ${why}`)
    }
    if (failed.length === 0 && message) console.log(`\nFAILED ${relative(root, name)}: ${message.slice(0, 2000)}`)
  }
}
