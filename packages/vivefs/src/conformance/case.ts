/** One test of the suite, as data: the suite decides whether and how it is run. */
import type { Area } from './area.ts'
import type { Capability } from './target.ts'

export interface Case {
  /** Unique within its theme. */
  readonly name: string
  readonly needs?: readonly Capability[]
  /** Run on a read-only mount; the area is the fixed tree of `matrix/read-only.ts`. */
  readonly isReadOnly?: boolean
  /** The cell of the matrix that a pass hits. */
  readonly cell?: { readonly operation: string; readonly errno: string }
  run(area: Area): Promise<void>
}

/** Cases that belong together. */
export interface Theme {
  readonly name: string
  readonly cases: readonly Case[]
}
