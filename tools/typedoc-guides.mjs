/** A typedoc plugin: a guide is called what its first heading says, and stands in the group of its folder. */
import { relative } from 'node:path'
import { Converter, ReflectionKind } from 'typedoc'
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
}
