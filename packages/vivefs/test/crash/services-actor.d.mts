import type { ViveFS } from 'vivefs'

export interface ServicesStep {
  readonly kind: 'write' | 'patch' | 'clone' | 'unlink' | 'truncate' | 'both' | 'snapshot' | 'unsnap'
}

export declare class ServicesActor {
  constructor(seed: number, home: string, bytesMax?: number)
  next(): ServicesStep
  fingerprint(): string[]
}

export declare function perform(vive: ViveFS, home: string, step: ServicesStep): Promise<void>
export declare function found(vive: ViveFS, home: string): Promise<string[] | undefined>
