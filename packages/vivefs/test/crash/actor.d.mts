/** An operation on one directory. `offset` null appends. */
export interface ActorStep {
  readonly kind: 'create' | 'mkdir' | 'rmdir' | 'unlink' | 'link' | 'rename' | 'truncate' | 'write'
  readonly name: string
  readonly to?: string
  readonly size?: number
  readonly offset?: number | null
  readonly data?: Buffer
}

export declare class Actor {
  constructor(seed: number)
  next(): ActorStep
  fingerprint(): string[]
}

export declare function lineOf(name: string, content: Uint8Array | null, nlink: number): string
