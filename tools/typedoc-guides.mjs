/**
 * A typedoc plugin: a guide is called what its first heading says, and stands in the group of its folder. And code has all its colours: the highlighter gives
 * up a line that takes it longer than half a second, as the first ones do on a busy machine while it makes its grammars.
 */
import { relative } from 'node:path'
import { Converter, ReflectionKind, Renderer } from 'typedoc'
import { root } from './steps.mjs'

/** The group of a guide by its path from the root of the repository; the first that fits. */
const GROUPS = [
  [/^docs\/media\//, 'Media'],
  [/^docs\/decisions\//, 'Decisions'],
  [/^docs\//, 'Guides'],
  [/^examples\//, 'Examples'],
  [/FORMAT\.md$/, 'Formats'],
  [/^packages\//, 'Packages'],
]

/** Something of everything that guides hold, each language often enough that none is new to the highlighter. */
const SAMPLE = `import { a, type B } from 'c' // d
const e = await F.open('./g', { h: true }) // 'i'
export async function* j<K>(l: number): AsyncGenerator<K> { for (const m of l) if (!m) yield \`n\${m}\` }
/** o */ class P extends Q { readonly #r = /s/g; get t() { return { ...this.u, v: 0x1f } } }
`
const WARMING = 5

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const guide of project.getReflectionsByKind(ReflectionKind.Document)) {
      const text = guide.content.map((part) => part.text).join('')
      const title = /^# (.+)$/m.exec(text)?.[1]
      if (title !== undefined) guide.name = title.replaceAll('`', '')
      const path = relative(root, project.files.getReflectionPath(guide) ?? '')
      const group = GROUPS.find(([pattern]) => pattern.test(path))?.[1]
      if (group !== undefined) guide.frontmatter.group = group
    }
  })
  let isWarm = false
  app.renderer.on(Renderer.EVENT_BEGIN_PAGE, () => {
    for (let i = 0; i < WARMING && !isWarm; i++)
      for (const language of ['js', 'ts']) app.renderer.markedPlugin.getHighlighted(SAMPLE, language)
    isWarm = true
  })
}
