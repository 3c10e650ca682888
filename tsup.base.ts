import type { Options } from 'tsup'

type Entries = Record<string, string>

const common: Options = { target: 'node20', platform: 'node', sourcemap: true, clean: false }

/**
 * ESM and CJS with types, for the entry points that other programs import. CJS is built without shared chunks: tsup
 * makes those by a second transform that does not know generators. State that must be one for all copies of a module
 * hangs on `Symbol.for`.
 */
export const library = (entry: Entries): Options[] => [
  { ...common, entry, format: ['esm'], splitting: true, dts: false },
  { ...common, entry, format: ['cjs'], splitting: false, dts: false },
  { ...common, entry, format: ['esm', 'cjs'], dts: { only: true } },
]

/** One ESM file with a shebang, for a command. */
export const program = (entry: Entries): Options => ({
  ...common,
  entry,
  format: ['esm'],
  dts: false,
  splitting: false,
  banner: { js: '#!/usr/bin/env node' },
})
