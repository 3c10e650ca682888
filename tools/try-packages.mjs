#!/usr/bin/env node
/**
 * Packs every publishable package, installs the tarballs into an empty project as a user would, and uses them from ESM,
 * from CommonJS and from TypeScript. Other runtimes: try-runtimes.mjs.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { call } from './pack.mjs'
import { checks } from './packed/checks.mjs'
import { emptyPlace, KINDS, makeProject, tryChecks, tryCommands } from './packed-project.mjs'
import { root } from './steps.mjs'

const project = mkdtempSync(join(tmpdir(), 'vivefs-packed-'))
const node = [process.execPath]
/** One process each: the one that is killed, and one for all the others. */
const KILLED = ['kill -9']
const OTHERS = Object.keys(checks).filter((name) => !KILLED.includes(name))

try {
  for (const tarball of Object.values(makeProject(project))) checkPackage(tarball)
  for (const kind of KINDS) {
    emptyPlace(project, kind)
    for (const names of [KILLED, OTHERS]) mustHold(kind, tryChecks(project, node, kind, names))
    mustHold(kind, tryCommands(project, node, kind))
    console.log(`${kind} and commands ok`)
  }
  for (const resolution of ['node16', 'bundler']) {
    const module = resolution === 'node16' ? 'node16' : 'esnext'
    const options = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      'false',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable',
    ]
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    call(
      process.execPath,
      [tsc, ...options, ...types, '--module', module, '--moduleResolution', resolution, 'types.ts'],
      project,
    )
    console.log(`types ok (${resolution})`)
  }
} finally {
  rmSync(project, { recursive: true, force: true })
}

function mustHold(kind, why) {
  if (why !== undefined) throw new Error(`${kind}: ${why}`)
}

/** publint and are-the-types-wrong on one tarball (Node 20 and newer know `exports`: the profile node16), and what it weighs. */
function checkPackage(tarball) {
  const tool = (path, args) => call(process.execPath, [join(root, 'node_modules', path), ...args], project).toString()
  const lint = tool('publint/src/cli.js', [tarball, '--strict'])
  if (!lint.includes('All good!')) throw new Error(lint)
  tool('@arethetypeswrong/cli/dist/index.js', [tarball, '--profile', 'node16', '--quiet'])
  const bytes = statSync(tarball).size
  console.log(
    `${basename(tarball).padEnd(28)} ${String(Math.ceil(bytes / 1024)).padStart(6)} KiB packed; publint and types are clean`,
  )
}
