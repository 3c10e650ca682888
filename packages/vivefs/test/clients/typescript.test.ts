/** TypeScript's compiler with a host on a volume; only its own library comes from elsewhere. */
import nodeFs from 'node:fs'
import { posix } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import type { ViveFS } from 'vivefs'
import { openSynchronous } from './volumes.ts'

/** A ts.System on a volume: all its calls are synchronous, listings too. */
function systemOf({ fs }: ViveFS): ts.System {
  const isThere = (path: string, kind: 'isFile' | 'isDirectory'): boolean =>
    fs.statSync(path, { throwIfNoEntry: false })?.[kind]() === true
  const system: ts.System = {
    ...ts.sys,
    args: [],
    useCaseSensitiveFileNames: true,
    getCurrentDirectory: () => '/project',
    resolvePath: (path) => posix.resolve('/project', path),
    fileExists: (path) => isThere(path, 'isFile'),
    directoryExists: (path) => isThere(path, 'isDirectory'),
    readFile: (path) => (isThere(path, 'isFile') ? fs.readFileSync(path, 'utf8') : undefined),
    writeFile: (path, data) => fs.writeFileSync(path, data),
    createDirectory: (path) => void fs.mkdirSync(path, { recursive: true }),
    getDirectories: (path) =>
      isThere(path, 'isDirectory')
        ? fs
            .readdirSync(path, { withFileTypes: true })
            .filter((entry) => entry.isDirectory())
            .map(({ name }) => name)
        : [],
    readDirectory: (path, extensions) =>
      fs
        .readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && (extensions ?? []).some((extension) => entry.name.endsWith(extension)))
        .map((entry) => posix.join(entry.parentPath, entry.name))
        .filter((path) => !path.includes('/node_modules/')),
    realpath: (path) => fs.realpathSync(path),
    getModifiedTime: (path) => fs.statSync(path, { throwIfNoEntry: false })?.mtime,
    deleteFile: (path) => fs.rmSync(path),
  }
  return system
}

test('a project is checked and emitted', { timeout: 120_000 }, async () => {
  const vive = await openSynchronous()
  const { fs } = vive
  fs.mkdirSync('/project/src/deep', { recursive: true })
  fs.mkdirSync('/project/node_modules/@types/thing', { recursive: true })
  fs.mkdirSync('/lib')
  const libraries = posix.dirname(ts.getDefaultLibFilePath({}))
  for (const name of nodeFs.readdirSync(libraries)) {
    if (/^lib\.(es5|es2015.*|decorators.*|d)\.?.*d\.ts$|^lib\.es5\.d\.ts$/.test(name)) {
      fs.writeFileSync(`/lib/${name}`, nodeFs.readFileSync(`${libraries}/${name}`))
    }
  }
  fs.writeFileSync('/project/node_modules/@types/thing/index.d.ts', 'declare const thing: number\n')
  fs.writeFileSync(
    '/project/tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        strict: true,
        outDir: 'out',
        target: 'es2015',
        lib: ['es2015'],
        declaration: true,
        rootDir: 'src',
      },
      include: ['src'],
    }),
  )
  for (let i = 0; i < 50; i++) {
    const before = i === 0 ? '' : `import { value as before } from './m${i - 1}'\n`
    fs.writeFileSync(
      `/project/src/m${i}.ts`,
      `${before}export const value: number = ${i === 0 ? 'thing' : 'before + 1'}\n`,
    )
  }
  fs.writeFileSync('/project/src/deep/wrong.ts', 'export const text: string = 5\n')

  const system = systemOf(vive)
  const { config } = ts.readConfigFile('/project/tsconfig.json', system.readFile)
  const parsed = ts.parseJsonConfigFileContent(config, system, '/project')
  expect(parsed.errors).toEqual([])
  expect(parsed.fileNames.length).toBe(51)
  const host: ts.CompilerHost = {
    ...system,
    getSourceFile: (path, how) => {
      const text = system.readFile(path)
      return text === undefined ? undefined : ts.createSourceFile(path, text, how)
    },
    getDefaultLibFileName: () => '/lib/lib.d.ts',
    getDefaultLibLocation: () => '/lib',
    getCanonicalFileName: (name) => name,
    getNewLine: () => '\n',
    useCaseSensitiveFileNames: () => true,
    writeFile: (path, text) => {
      fs.mkdirSync(posix.dirname(path), { recursive: true })
      fs.writeFileSync(path, text)
    },
  }
  const program = ts.createProgram({ rootNames: parsed.fileNames, options: parsed.options, host })
  const messages = ts.getPreEmitDiagnostics(program).map(({ messageText, file }) => [file?.fileName, messageText])
  expect(messages).toEqual([['/project/src/deep/wrong.ts', "Type 'number' is not assignable to type 'string'."]])
  program.emit()
  expect(fs.readFileSync('/project/out/m3.js', 'utf8')).toContain('before + 1')
  expect(fs.readdirSync('/project/out').length).toBe(101)
  await vive.close()
})
