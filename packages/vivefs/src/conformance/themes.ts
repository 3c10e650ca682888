/** All themes of the suite, in the order in which they run. */
import type { Theme } from './case.ts'
import { effectsTheme } from './effects/index.ts'
import { matrixTheme } from './matrix/index.ts'

export const themes: readonly Theme[] = [effectsTheme, matrixTheme]
