/** The sources of this package and of media as plain ES modules in a new directory, for child processes and worker threads of tests. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
}

function compile(from: string, to: string): void {
  const { outputText } = ts.transpileModule(readFileSync(from, 'utf8'), { compilerOptions: OPTIONS })
  mkdirSync(dirname(to), { recursive: true })
  writeFileSync(to.replace(/\.ts$/, '.js'), outputText)
}

function compileAll(from: string, to: string): void {
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.ts') && !/\.test\.ts$|^cli\b/.test(name)) compile(join(from, name), join(to, name))
  }
}

/**
 * Path of the new directory, to be removed afterwards. A module in it finds `@vivefs/media`, this package in `./src/index.js` and the
 * given files of this folder in `./test`.
 */
export function compileSources(tests: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'pfaof-compiled-'))
  const here = fileURLToPath(new URL('.', import.meta.url))
  const media = join(directory, 'node_modules', '@vivefs', 'media')
  compileAll(join(here, '../src'), join(directory, 'src'))
  compileAll(join(here, '../../media/src'), media)
  for (const name of tests) compile(join(here, name), join(directory, 'test', name))
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  writeFileSync(join(media, 'package.json'), '{"type":"module","exports":"./index.js"}')
  return directory
}
