/** All themes of the suite, in the order in which they run. */
import type { Theme } from './case.ts'
import { effectsTheme } from './effects/index.ts'
import { matrixTheme } from './matrix/index.ts'
import { aclValues } from './semantics/acl-values.ts'
import { acls } from './semantics/acls.ts'
import { content } from './semantics/content.ts'
import { directories } from './semantics/directories.ts'
import { lockWaits } from './semantics/lock-waits.ts'
import { locks } from './semantics/locks.ts'
import { openFiles } from './semantics/open-files.ts'
import { paths } from './semantics/paths.ts'
import { permissions } from './semantics/permissions.ts'
import { projects } from './semantics/projects.ts'
import { quotas } from './semantics/quotas.ts'
import { times } from './semantics/times.ts'
import { xattrs } from './semantics/xattrs.ts'

export const themes: readonly Theme[] = [
  { name: 'content', cases: content },
  { name: 'open files', cases: openFiles },
  { name: 'paths and names', cases: paths },
  { name: 'directories', cases: directories },
  { name: 'times', cases: times },
  { name: 'permissions', cases: permissions },
  { name: 'extended attributes', cases: xattrs },
  { name: 'access control lists', cases: [...acls, ...aclValues] },
  { name: 'locks', cases: [...locks, ...lockWaits] },
  effectsTheme,
  matrixTheme,
  // Last: most implementations follow use from the first limit on, and everything else should be asked without as well.
  { name: 'quotas', cases: [...quotas, ...projects] },
]
