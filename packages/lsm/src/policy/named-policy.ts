import { resolve } from 'node:path'
import { archive } from './archive.ts'
import { ladder } from './ladder.ts'
import { loadPolicy } from './load-policy.ts'
import type { MediaPolicy } from './media-policy.ts'
import { single } from './single.ts'

const BUILT_IN: Readonly<Record<string, (names: string[]) => MediaPolicy>> = {
  single: ([name = '']) => single(name),
  ladder,
  archive: ([hot = '', cold = '', tape]) =>
    archive({ hot: [hot], cold: [cold], ...(tape === undefined ? {} : { tape: [tape] as const }) }),
}

/** A built-in policy by its name and media, `ladder:dram,nvme,smr`, or the default export of a module. LEVEL_ARGUMENT. */
export async function namedPolicy(given: string): Promise<MediaPolicy | undefined> {
  const [name, names] = given.split(':')
  const builtIn = BUILT_IN[name!]
  if (builtIn !== undefined && names !== undefined) return builtIn(names.split(','))
  return await loadPolicy({ module: resolve(given) })
}
