/** What the bench asks of whoever measures. */
export const BLOCK_BYTES = 128 * 1024

export interface Ask {
  readonly phase: string
  readonly directory: string
  /** What the names of the files of this caller begin with. */
  readonly prefix: string
  readonly files: number
  readonly mib: number
}
