export interface Bundled {
  readonly directory: string
  /** What became of `NAME.ts`. */
  program(name: string): string
  /** The command `vivefs`. */
  readonly cli: string
  remove(): void
}

/** @param programs files in TypeScript, relative to this one */
export function bundle(...programs: string[]): Promise<Bundled>
