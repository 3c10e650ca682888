/**
 * `mediumSuite`: what every medium must do, as tests for any runner that has `describe` and `it` (node:test, vitest,
 * mocha). Assertions are node:assert's. Test names cite the laws of `medium.ts`.
 *
 * @example
 * import { describe, it } from 'node:test'
 * import { mediumSuite } from '@vivefs/media/conformance'
 * mediumSuite({ name: 'mine', create: () => openMine(), describe, it })
 */
import assert from 'node:assert/strict'
import type { Medium } from '../medium.ts'
import { appendTests } from './append.ts'
import { limitTests } from './limits.ts'
import { modelTests } from './model.ts'
import { zoneTests } from './zones.ts'

export { type ModelResult, runModel } from './model.ts'

/** What the suite needs. */
export interface MediumSuiteOptions {
  readonly name: string
  /** A fresh, empty medium of at least 4 zones with room for a few appends each. The suite closes it. */
  create(): Promise<Medium> | Medium
  /** Opens the same medium again after it was closed; absent when its contents go with it. */
  reopen?(closed: Medium): Promise<Medium> | Medium
  readonly describe: (name: string, body: () => void) => void
  readonly it: (name: string, body: () => Promise<void>) => void
  /** Seeds of the model test; each is one run. Default 1..10. */
  readonly seeds?: readonly number[]
}

/** One test: gets a fresh medium, which is closed afterwards whatever happens. */
export type MediumTest = (name: string, body: (medium: Medium) => Promise<void>) => void

/** Declares the tests. */
export function mediumSuite(options: MediumSuiteOptions): void {
  const test: MediumTest = (name, body) =>
    options.it(name, async () => {
      const medium = await options.create()
      try {
        await body(medium)
      } finally {
        await medium.close()
      }
    })
  options.describe(`medium: ${options.name}`, () => {
    test('caps, id and spec are sound', async (medium) => {
      const { caps, spec } = medium
      assert.match(medium.id, /^[0-9a-f-]{36}$/)
      assert.deepEqual(JSON.parse(JSON.stringify(spec)), spec, 'the spec is JSON')
      assert.ok(caps.zoneCount >= 4 && caps.zoneCapacityBytes <= caps.zoneBytes && caps.blockBytes >= 1)
      assert.equal(caps.zoneCapacityBytes % caps.blockBytes, 0)
      assert.equal(caps.appendBytesMin % caps.blockBytes, 0)
      assert.equal(caps.sync, medium.appendSync !== undefined)
      assert.equal(caps.sync, medium.readSync !== undefined && medium.flushSync !== undefined)
      assert.equal(caps.fencing === 'create-once', medium.createOnce !== undefined)
      assert.equal(caps.reclaim === 'whole-medium', medium.erase !== undefined)
    })
    appendTests(test)
    zoneTests(test, options)
    limitTests(test)
    modelTests(test, options.seeds ?? [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })
}
