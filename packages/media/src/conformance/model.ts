/**
 * Random operations against a plain oracle: an array of byte strings. The oracle says what must succeed; a refusal must
 * have a code that the caps allow and must change nothing.
 */
import assert from 'node:assert/strict'
import { isMediumError, type MediumErrorCode } from '../error.ts'
import type { Bytes, Medium } from '../medium.ts'
import { SeededRandom } from '../random.ts'
import { join, lengthOf, manyAppends, readBack, sameBytes } from './ground.ts'
import type { MediumTest } from './index.ts'

interface ModelZone {
  bytes: Bytes
  full: boolean
}

/** What a run did. */
export interface ModelResult {
  readonly appends: number
  readonly refusals: number
  readonly reads: number
}

class ModelRun {
  readonly #medium: Medium
  readonly #random: SeededRandom
  readonly #zones: ModelZone[]
  readonly #capacities: readonly number[]
  appends = 0
  refusals = 0
  reads = 0

  constructor(medium: Medium, seed: number, capacities: readonly number[]) {
    this.#medium = medium
    this.#random = new SeededRandom(seed)
    this.#capacities = capacities
    this.#zones = capacities.map(() => ({ bytes: new Uint8Array(0), full: false }))
  }

  #zone(): number {
    return this.#random.below(this.#zones.length)
  }

  async step(): Promise<void> {
    const dice = this.#random.next()
    if (dice < 0.45) await this.#append()
    else if (dice < 0.75) await this.#read()
    else if (dice < 0.83) await this.#medium.flush()
    else if (dice < 0.9) await this.#finish()
    else if (dice < 0.97) await this.#reset()
    else await this.#report()
  }

  #allowed(zone: number): MediumErrorCode[] {
    const { caps } = this.#medium
    const codes: MediumErrorCode[] = []
    if (caps.append === 'stream') codes.push('MEDIA_STREAM_ORDER')
    // A limit may only be claimed for a zone that is not active yet, or not open.
    if (caps.openZonesMax > 0) codes.push('MEDIA_OPEN_LIMIT')
    if (caps.activeZonesMax > 0 && this.#zones[zone]!.bytes.length === 0) codes.push('MEDIA_ACTIVE_LIMIT')
    return codes
  }

  async #append(): Promise<void> {
    const { caps } = this.#medium
    const zone = this.#zone()
    const model = this.#zones[zone]!
    const data = this.#random.fill(new Uint8Array(lengthOf(caps, 1 + this.#random.below(4))))
    const full = model.full || (!manyAppends(caps) && model.bytes.length > 0)
    const fits = model.bytes.length + data.length <= this.#capacities[zone]!
    const sync = this.#medium.appendSync !== undefined && this.#random.next() < 0.5
    try {
      const cut = this.#random.below(data.length)
      const parts = [data.subarray(0, cut), data.subarray(cut)]
      const offset = sync ? this.#medium.appendSync!(zone, parts) : await this.#medium.append(zone, parts)
      assert.ok(!full && fits, `zone ${zone} took an append that it must refuse`)
      assert.equal(offset, model.bytes.length)
      model.bytes = join([model.bytes, data])
      if (model.bytes.length === this.#capacities[zone]) model.full = true
      this.appends++
    } catch (error) {
      if (!isMediumError(error)) throw error
      this.refusals++
      if (error.code === 'MEDIA_ZONE_STATE') assert.ok(full, `zone ${zone} is not full: ${error.message}`)
      else if (error.code === 'MEDIA_ZONE_FULL') assert.ok(!fits, `zone ${zone} has room: ${error.message}`)
      else if (!this.#allowed(zone).includes(error.code)) throw error
    }
  }

  async #read(): Promise<void> {
    const zone = this.#zone()
    const { bytes, full } = this.#zones[zone]!
    const from = this.#random.below(bytes.length + 10)
    const length = this.#random.below(bytes.length + 50)
    let found: Bytes
    if (this.#medium.readSync !== undefined && this.#random.next() < 0.5) {
      const into = new Uint8Array(length)
      found = into.subarray(0, this.#medium.readSync(zone, from, into))
    } else found = await readBack(this.#medium, zone, from, length)
    const expected = bytes.subarray(from, from + length)
    sameBytes(found.subarray(0, expected.length), expected, `zone ${zone} [${from}, +${length})`)
    // Only behind a finish may more be read than was appended.
    assert.ok(found.length === expected.length || full, `zone ${zone}: a read past the pointer`)
    this.reads++
  }

  async #finish(): Promise<void> {
    const zone = this.#zone()
    try {
      await this.#medium.finish(zone)
      this.#zones[zone]!.full = true
    } catch (error) {
      if (!isMediumError(error) || !this.#allowed(zone).includes(error.code)) throw error
      this.refusals++
    }
  }

  async #reset(): Promise<void> {
    const zone = this.#zone()
    if (this.#medium.caps.reclaim !== 'whole-medium') {
      await this.#medium.reset(zone)
      this.#zones[zone] = { bytes: new Uint8Array(0), full: false }
      return
    }
    if (this.#random.next() < 0.8) return
    await this.#medium.erase!()
    for (const model of this.#zones) Object.assign(model, { bytes: new Uint8Array(0), full: false })
  }

  async #report(): Promise<void> {
    const report = await this.#medium.report()
    this.#zones.forEach(({ bytes, full }, zone) => {
      const { state, pointer, capacityBytes } = report[zone]!
      const isFull = full || (!manyAppends(this.#medium.caps) && bytes.length > 0)
      assert.equal(state === 'full', isFull, `zone ${zone} is ${state}`)
      assert.ok(pointer === bytes.length || (isFull && pointer === capacityBytes), `zone ${zone}: pointer ${pointer}`)
    })
  }
}

/** One run of `steps` operations over at most 16 zones of a fresh medium; throws at the first disagreement. */
export async function runModel(medium: Medium, seed: number, steps: number): Promise<ModelResult> {
  const capacities = (await medium.report()).slice(0, 16).map((zone) => zone.capacityBytes)
  const run = new ModelRun(medium, seed, capacities)
  for (let step = 0; step < steps; step++) {
    try {
      await run.step()
    } catch (cause) {
      throw new Error(`seed ${seed}, step ${step}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      })
    }
  }
  return { appends: run.appends, refusals: run.refusals, reads: run.reads }
}

/** The runs of the suite. */
export function modelTests(test: MediumTest, seeds: readonly number[]): void {
  for (const seed of seeds) {
    test(`model: 150 random operations agree with an oracle, seed ${seed}`, async (medium) => {
      const { appends, reads } = await runModel(medium, seed, 150)
      assert.ok(appends + reads > 10)
    })
  }
}
