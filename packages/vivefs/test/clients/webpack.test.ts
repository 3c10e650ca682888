/** webpack with its sources and its output in a volume. */
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import webpack from 'webpack'
import { openMemory } from './volumes.ts'

test('a bundle of modules, from a volume into it', { timeout: 60_000 }, async () => {
  const vive = await openMemory()
  const { fs } = vive
  await fs.promises.mkdir('/app/src/parts', { recursive: true })
  await fs.promises.mkdir('/app/node_modules/dep', { recursive: true })
  await fs.promises.writeFile('/app/package.json', '{"name":"app"}')
  await fs.promises.writeFile('/app/node_modules/dep/package.json', '{"name":"dep","main":"main.js"}')
  await fs.promises.writeFile('/app/node_modules/dep/main.js', 'module.exports = 100')
  for (let i = 0; i < 40; i++) await fs.promises.writeFile(`/app/src/parts/p${i}.js`, `export default ${i}\n`)
  const imports = Array.from({ length: 40 }, (_, i) => `import p${i} from './parts/p${i}'`)
  const sum = Array.from({ length: 40 }, (_, i) => `p${i}`).join(' + ')
  await fs.promises.symlink('parts/p1.js', '/app/src/linked.js')
  await fs.promises.writeFile(
    '/app/src/index.js',
    `${imports.join('\n')}\nimport dep from 'dep'\nimport linked from './linked'\nglobalThis.answer = ${sum} + dep + linked`,
  )
  const compiler = webpack({
    mode: 'production',
    context: '/app',
    entry: './src/index.js',
    devtool: 'source-map',
    output: { path: '/app/dist', filename: '[name].[contenthash].js', clean: true },
  })
  compiler.inputFileSystem = fs as never
  compiler.outputFileSystem = fs as never
  compiler.intermediateFileSystem = fs as never
  const stats = await new Promise<webpack.Stats>((resolve, reject) => {
    compiler.run((error, result) => (error || result === undefined ? reject(error) : resolve(result)))
  })
  expect(stats.compilation.errors).toEqual([])
  const made = await fs.promises.readdir('/app/dist')
  const bundle = made.find((name) => name.endsWith('.js'))
  expect(made).toContain(`${bundle}.map`)
  const scope: { answer?: number } = {}
  runInNewContext(await fs.promises.readFile(`/app/dist/${bundle}`, 'utf8'), scope)
  expect(scope.answer).toBe((39 * 40) / 2 + 100 + 1)
  await new Promise((resolve) => compiler.close(resolve))
  await vive.close()
})
