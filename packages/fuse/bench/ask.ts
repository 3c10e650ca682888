/** What the bench asks of whoever measures. */
export const BLOCK_BYTES = 128 * 1024

export interface Ask {
  readonly phase: string
  readonly directory: string
  readonly files: number
  readonly mib: number
  /** What the kernel has of the file is dropped before it is read. */
  readonly cold: boolean
}
