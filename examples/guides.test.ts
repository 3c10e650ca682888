/**
 * The code in the guides runs: the blocks of a page marked `js` or `ts`, one after the other. What cannot run here (devices, servers that go on
 * for ever) is marked `js no-run`.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'vivefs-guides-'))

/** Packages by the name under which a guide imports them, and where they lie. */
const PACKAGES: Readonly<Record<string, string>> = {
  vivefs: 'packages/vivefs',
  '@vivefs/media': 'packages/media',
  '@vivefs/pfaof': 'packages/pfaof',
  '@vivefs/lsm': 'packages/lsm',
  '@vivefs/fuse': 'packages/fuse',
  'abstract-level': 'packages/vivefs/node_modules/abstract-level',
  level: 'packages/vivefs/node_modules/level',
}

for (const [name, path] of Object.entries(PACKAGES)) {
  const link = join(folder, 'node_modules', name)
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(join(root, path), link, 'junction')
}

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const markdownIn = (path: string): string[] =>
  readdirSync(join(root, path))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(path, name))

const pages = [
  'README.md',
  ...Object.values(PACKAGES)
    .filter((path) => !path.includes('node_modules'))
    .map((path) => `${path}/README.md`),
  ...markdownIn('docs'),
  ...markdownIn('docs/media'),
]

/** What a block declares for those after it, imports aside. */
const declared = (code: string): string[] =>
  [...code.matchAll(/^(?:await using|const|let) (\w+)/gm)].map(([, name]) => name!)

/** A guide may speak of `vive` without opening it. */
const OPENED = "const vive = await ViveFS.open('memory://')\n"

/** Each name once, though several blocks import it. */
function importsOf(lines: readonly string[]): string {
  const names = new Map<string, Set<string>>()
  const others: string[] = []
  for (const line of lines) {
    const [, list, module] = /^import \{ (.*?) \} from '(.*?)'$/.exec(line) ?? []
    if (list === undefined) others.push(line)
    else for (const name of list.split(', ')) names.set(module!, (names.get(module!) ?? new Set()).add(name))
  }
  const named = [...names].map(([module, all]) => `import { ${[...all].join(', ')} } from '${module}'`)
  return [...new Set(others), ...named].join('\n')
}

/** The programs of a page: its blocks one after the other, from the start again where a name is declared anew. */
function programsOf(text: string): string[] {
  const programs: { code: string; imports: Set<string>; names: Set<string> }[] = []
  for (const [, block] of text.matchAll(/^```(?:js|ts)\n(.*?)^```$/gms)) {
    const imports = [...block!.matchAll(/^import .*?from '.*?'$/gms)].map(([line]) => line)
    const code = imports.reduce((rest, line) => rest.replace(line, ''), block!)
    const names = declared(code)
    let program = programs.at(-1)
    if (program === undefined || names.some((name) => program?.names.has(name))) {
      program = { code: '', imports: new Set(program?.imports), names: new Set() }
      programs.push(program)
    }
    program.code += code
    for (const line of imports) program.imports.add(line)
    for (const name of names) program.names.add(name)
  }
  return programs.map(({ code, imports, names }) => {
    const isOpened = names.has('vive') || !/\bvive\b/.test(code)
    const whole = importsOf([...imports, ...(isOpened ? [] : ["import { ViveFS } from 'vivefs'"])])
    return `${whole}\n${isOpened ? '' : OPENED}${code}`
  })
}

/** Every module that a page's programs import exists, and they run to their end without an error. */
const withCode = pages.map((page) => [page, programsOf(readFileSync(join(root, page), 'utf8'))] as const)

test.each(withCode.filter(([, programs]) => programs.length > 0))('%s', { timeout: 60_000 }, (page, programs) => {
  const at = join(folder, page.replaceAll('/', '-'))
  mkdirSync(join(at, 'some-directory'), { recursive: true })
  writeFileSync(join(at, 'some-directory/file.txt'), 'some content\n')
  for (const [i, program] of programs.entries()) {
    const { code } = transformSync(program, { loader: 'ts', format: 'esm', target: 'node20' })
    writeFileSync(join(at, `program-${i}.mjs`), code)
    const run = () =>
      execFileSync(process.execPath, [`program-${i}.mjs`], {
        cwd: at,
        encoding: 'utf8',
        stdio: 'pipe',
        maxBuffer: 1 << 28,
      })
    expect(run, program).not.toThrow()
  }
})
