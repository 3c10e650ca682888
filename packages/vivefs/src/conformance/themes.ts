/** All themes of the suite, in the order in which they run. */
import type { Theme } from './case.ts'
import { effectsTheme } from './effects/index.ts'
import { matrixTheme } from './matrix/index.ts'
import { content } from './semantics/content.ts'
import { directories } from './semantics/directories.ts'
import { openFiles } from './semantics/open-files.ts'
import { paths } from './semantics/paths.ts'
import { permissions } from './semantics/permissions.ts'
import { times } from './semantics/times.ts'

export const themes: readonly Theme[] = [
  { name: 'content', cases: content },
  { name: 'open files', cases: openFiles },
  { name: 'paths and names', cases: paths },
  { name: 'directories', cases: directories },
  { name: 'times', cases: times },
  { name: 'permissions', cases: permissions },
  effectsTheme,
  matrixTheme,
]
