export interface Bundled {
  readonly directory: string
  /** `test/programs/NAME.ts` compiled. */
  program(name: string): string
  /** The command `vivefs`. */
  readonly cli: string
  remove(): void
}

/** @param programs names of `test/programs/NAME.ts` */
export function bundle(...programs: string[]): Promise<Bundled>
