/** The package's sources as plain ES modules in a new directory, for worker threads and child processes of tests. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** Path of the compiled `index.js`; remove its directory afterwards. */
export function compileSources(): { directory: string; index: string } {
  const source = fileURLToPath(new URL('../src/', import.meta.url))
  const directory = mkdtempSync(join(tmpdir(), 'vivefs-compiled-'))
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  mkdirSync(join(directory, 'drive'))
  const names = [...readdirSync(source), ...readdirSync(join(source, 'drive')).map((file) => join('drive', file))]
  for (const name of names.filter((file) => file.endsWith('.ts'))) {
    const { outputText } = ts.transpileModule(readFileSync(join(source, name), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    })
    writeFileSync(join(directory, name.replace(/\.ts$/, '.js')), outputText)
  }
  return { directory, index: join(directory, 'index.js') }
}
