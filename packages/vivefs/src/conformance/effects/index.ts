/** Side effects of operations that succeed: times, link counts, modes, owners, sizes. */
import type { Theme } from '../case.ts'
import { contentEffects } from './content-effects.ts'
import { caseOfEffect } from './effect.ts'
import { nameEffects } from './name-effects.ts'

export const effectsTheme: Theme = {
  name: 'side effects',
  cases: [...nameEffects, ...contentEffects].map(caseOfEffect),
}
