import type { Options } from 'tsup'

type Entries = Record<string, string>

/** ESM and CJS with types, for the entry points that other programs import. */
export const library = (entry: Entries): Options => ({
  entry,
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  dts: true,
  sourcemap: true,
  splitting: true,
  clean: false,
})

/** One ESM file with a shebang, for a command. */
export const program = (entry: Entries): Options => ({
  entry,
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  dts: false,
  sourcemap: true,
  splitting: false,
  clean: false,
  banner: { js: '#!/usr/bin/env node' },
})
