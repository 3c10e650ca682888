/**
 * `fault`: any medium, behaving badly by rule, and the image that a power cut would leave.
 *
 * Mechanism of the crash: every append reaches the medium below at once, so reads see it (L8); the journal remembers
 * which appends no flush covered. `crashImage` takes the full image of the medium below, undoes what the chosen crash
 * loses (crash.ts), puts bit flips and misdirected writes on top, and asks the medium below for a twin holding the rest.
 * Works for media that are `Imageable`: memory, pool, directory, ZNS, SMR, tape, object.
 */
import { BaseMedium } from './base.ts'
import { CrashJournal, type CrashOptions } from './crash.ts'
import { MediumError } from './error.ts'
import { type FaultEffect, FaultPlan, type FaultRule } from './fault-rule.ts'
import { type Imageable, isImageable, type MediumImage, type ZoneImage } from './image.ts'
import type { Bytes, Medium, MediumSpec, OperationName, ZoneReport } from './medium.ts'
import { sleepMs, sleepMsSync } from './timing.ts'

export interface FaultOptions {
  readonly rules?: readonly FaultRule[]
  /** Seed of probabilities, flipped bits, noise and of crash images; default 1. */
  readonly seed?: number
  /** Defaults for `crashImage`. */
  readonly crash?: CrashOptions
}

/** Bytes that a fault put over what the medium below holds. */
interface Patch {
  readonly zone: number
  readonly offset: number
  readonly xor: boolean
  readonly bytes: Bytes
}

interface PlannedAppend {
  readonly zone: number
  readonly parts: readonly Bytes[]
  readonly latencyMs: number
  /** Thrown after the (possibly shortened) parts were written. */
  readonly after: MediumError | undefined
  readonly flipBits: number
  readonly misdirected: boolean
}

const joined = (parts: readonly Bytes[]): Bytes => Buffer.concat(parts as Bytes[])

export class FaultMedium extends BaseMedium {
  readonly inner: Medium
  readonly #plan: FaultPlan
  readonly #journal: CrashJournal
  readonly #options: FaultOptions
  #patches: Patch[] = []
  #cut: MediumError | undefined
  #innerClosed = false
  readonly closeZone?: (zone: number) => Promise<void>
  readonly resume?: (zone: number, pointer: number) => Promise<void>
  readonly erase?: () => Promise<void>
  readonly spendReserve?: () => Promise<boolean>
  readonly refillReserve?: () => Promise<boolean>
  readonly createOnce?: (key: string, bytes: Bytes) => Promise<boolean>
  readonly readKey?: NonNullable<Medium['readKey']>
  readonly listKeys?: (prefix: string) => Promise<readonly string[]>
  readonly deleteKey?: (key: string) => Promise<boolean>

  constructor(inner: Medium, options: FaultOptions = {}) {
    const seed = options.seed ?? 1
    const spec = { kind: 'fault', inner: inner.spec, seed, rules: options.rules ?? [], crash: options.crash ?? {} }
    // Where stale bytes may show through, a reset has to look at the zone first, and that waits.
    const zonesSync = inner.resetSync !== undefined && inner.caps.overwrite !== 'any'
    super({ spec: spec as unknown as MediumSpec, caps: inner.caps, id: inner.id, zonesSync })
    this.inner = inner
    this.#options = options
    this.#plan = new FaultPlan(options.rules ?? [], seed)
    this.#journal = new CrashJournal(inner.caps)
    if (inner.closeZone) this.closeZone = (zone) => this.#call('finish', zone, () => inner.closeZone!(zone))
    if (inner.resume) this.resume = (zone, pointer) => this.#call('report', zone, () => inner.resume!(zone, pointer))
    if (inner.erase) this.erase = () => this.#call('reset', undefined, () => this.#erase())
    if (inner.spendReserve) this.spendReserve = () => this.#call('key', undefined, () => inner.spendReserve!())
    if (inner.refillReserve) this.refillReserve = () => this.#call('key', undefined, () => inner.refillReserve!())
    if (inner.createOnce) {
      this.createOnce = (key, bytes) => this.#call('key', undefined, () => inner.createOnce!(key, bytes))
    }
    if (inner.readKey) this.readKey = (key, range) => this.#call('key', undefined, () => inner.readKey!(key, range))
    if (inner.listKeys) this.listKeys = (prefix) => this.#call('key', undefined, () => inner.listKeys!(prefix))
    if (inner.deleteKey) this.deleteKey = (key) => this.#call('key', undefined, () => inner.deleteKey!(key))
  }

  /** Operations that the rules have counted so far. */
  count(name: OperationName | 'any' | 'write'): number {
    return this.#plan.count(name)
  }

  /** True after a power cut: every operation fails with MEDIA_POWER_CUT, for ever; go on with `crashImage()`. */
  get powerCut(): boolean {
    return this.#cut !== undefined
  }

  /** Cuts the power now, between two operations. */
  cutPower(): void {
    this.#cut ??= new MediumError('MEDIA_POWER_CUT', 'the power was cut')
  }

  /**
   * A new medium, of the kind below and without rules, holding what a power cut at this instant leaves. The original is
   * left as it is; after a power cut and `close`, the medium below is closed by this call, so take one image then.
   *
   * Errors: MEDIA_NOT_SUPPORTED when the medium below cannot build a twin.
   */
  async crashImage(options: CrashOptions = {}): Promise<Medium> {
    const twin = await this.twinOf(await this.crashContents(options))
    if (this.closed) await this.#closeInner()
    return twin
  }

  /**
   * What a power cut at this instant leaves, as data: for a test that looks at many cuts and builds a medium only for
   * those that differ. The bytes are the caller's.
   *
   * Errors: as `crashImage`.
   */
  async crashContents(options: CrashOptions = {}): Promise<MediumImage> {
    if (this.#innerClosed) throw new MediumError('MEDIA_CLOSED', 'the medium below is closed')
    const full = await this.#imageable().image()
    return this.#patched(
      this.#journal.image(full, { seed: this.#plan.random.seed, ...this.#options.crash, ...options }),
    )
  }

  /** A medium of the kind below, without rules, that holds `image`, which is copied. Errors: as `crashImage`. */
  twinOf(image: MediumImage): Promise<Medium> {
    return this.#imageable().twin(image)
  }

  #imageable(): Medium & Imageable {
    const { inner } = this
    if (!isImageable(inner)) throw new MediumError('MEDIA_NOT_SUPPORTED', `${inner.spec.kind} cannot build a twin`)
    return inner
  }

  // ---- rules ----

  #checkPower(): void {
    if (this.#cut !== undefined) {
      throw new MediumError('MEDIA_POWER_CUT', 'the power was cut before', { cause: this.#cut })
    }
  }

  /** Counts the operation. Throws for effects that come before it; 'applied' effects are returned. */
  #begin(name: OperationName, zone: number | undefined): FaultEffect[] {
    this.#checkPower()
    const effects = this.#plan.next(name, zone)
    const where = zone === undefined ? {} : { zone }
    for (const effect of effects) {
      if (effect.kind === 'no-space') throw new MediumError('MEDIA_NO_SPACE', `${name}: by rule`, where)
      if (effect.kind === 'error' && effect.applied !== true) {
        throw new MediumError(effect.code ?? 'MEDIA_IO', `${name}: by rule`, where)
      }
    }
    return effects
  }

  #latency(effects: readonly FaultEffect[]): number {
    return effects.reduce((sum, effect) => sum + (effect.kind === 'latency' ? effect.ms : 0), 0)
  }

  #errorAfter(name: OperationName, effects: readonly FaultEffect[]): MediumError | undefined {
    for (const effect of effects) {
      if (effect.kind === 'error') return new MediumError(effect.code ?? 'MEDIA_IO', `${name}: by rule, but done`)
    }
    return undefined
  }

  /** Any operation that is not an append or a read: a power cut may fall before or after it. */
  async #call<T>(name: OperationName, zone: number | undefined, run: () => Promise<T> | T): Promise<T> {
    this.checkOpen()
    const effects = this.#begin(name, zone)
    const latencyMs = this.#latency(effects)
    if (latencyMs > 0) await sleepMs(latencyMs)
    if (effects.some((effect) => effect.kind === 'power-cut')) {
      this.cutPower()
      const keep = this.#options.crash?.keep ?? 0
      if (name !== 'flush' && this.#plan.random.next() < keep) await run()
      throw this.#cut!
    }
    const value = await run()
    this.#checkPower()
    const after = this.#errorAfter(name, effects)
    if (after !== undefined) throw after
    return value
  }

  /** The synchronous form of {@link #call}. */
  #callSync(name: OperationName, zone: number, run: () => void): void {
    const effects = this.#begin(name, zone)
    sleepMsSync(this.#latency(effects))
    if (effects.some((effect) => effect.kind === 'power-cut')) {
      this.cutPower()
      if (this.#plan.random.next() < (this.#options.crash?.keep ?? 0)) run()
      throw this.#cut!
    }
    run()
    const after = this.#errorAfter(name, effects)
    if (after !== undefined) throw after
  }

  // ---- append ----

  #planAppend(zone: number, parts: readonly Bytes[], bytes: number): PlannedAppend {
    const effects = this.#begin('append', zone)
    let planned: Bytes[] | undefined
    let after = this.#errorAfter('append', effects)
    let flipBits = 0
    let misdirected = false
    for (const effect of effects) {
      if (effect.kind === 'short' || effect.kind === 'torn') {
        const kept = Math.floor((bytes * (effect.keep ?? 0.5)) / this.caps.blockBytes) * this.caps.blockBytes
        const all = planned === undefined ? joined(parts) : joined(planned)
        if (effect.kind === 'short') {
          planned = [all.subarray(0, kept)]
          after = new MediumError('MEDIA_SHORT_WRITE', `${kept} of ${bytes} bytes were written, by rule`, { zone })
        } else {
          planned = [all.subarray(0, kept), this.#plan.random.fill(new Uint8Array(bytes - kept))]
          after = new MediumError('MEDIA_IO', `torn after ${kept} of ${bytes} bytes, by rule`, { zone })
        }
      } else if (effect.kind === 'bit-flip') flipBits += effect.bits ?? 1
      else if (effect.kind === 'misdirected') misdirected = true
      else if (effect.kind === 'power-cut') {
        this.cutPower()
        after = this.#cut
      }
    }
    return { zone, parts: planned ?? parts, latencyMs: this.#latency(effects), after, flipBits, misdirected }
  }

  #appended(plan: PlannedAppend, offset: number): number {
    const { zone, parts } = plan
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    if (this.caps.durability !== 'immediate') this.#journal.appended(zone, offset, parts)
    const { random } = this.#plan
    for (let i = 0; i < plan.flipBits && bytes > 0; i++) {
      const flip = Uint8Array.of(1 << random.below(8))
      this.#patches.push({ zone, offset: offset + random.below(bytes), xor: true, bytes: flip })
    }
    if (plan.misdirected && bytes > 0) {
      const data = Uint8Array.from(joined(parts))
      this.#patches.push({ zone, offset, xor: false, bytes: new Uint8Array(bytes) })
      // The victim is what lies before it; without any, the write is merely lost.
      if (offset > 0) {
        const at = Math.floor(random.below(offset) / this.caps.blockBytes) * this.caps.blockBytes
        this.#patches.push({ zone, offset: at, xor: false, bytes: data.subarray(0, Math.min(bytes, offset - at)) })
      }
    }
    if (plan.after !== undefined) throw plan.after
    this.#checkPower()
    return offset
  }

  #nothingToWrite(plan: PlannedAppend): boolean {
    return plan.after !== undefined && plan.parts.every((part) => part.length === 0)
  }

  protected override async doAppend(zone: number, parts: readonly Bytes[], bytes: number): Promise<number> {
    const plan = this.#planAppend(zone, parts, bytes)
    if (plan.latencyMs > 0) await sleepMs(plan.latencyMs)
    if (this.#nothingToWrite(plan)) throw plan.after
    return this.#appended(plan, await this.inner.append(zone, plan.parts))
  }

  protected override doAppendSync(zone: number, parts: readonly Bytes[], bytes: number): number {
    const plan = this.#planAppend(zone, parts, bytes)
    sleepMsSync(plan.latencyMs)
    if (this.#nothingToWrite(plan)) throw plan.after
    return this.#appended(plan, this.inner.appendSync!(zone, plan.parts))
  }

  // ---- read ----

  #afterRead(effects: readonly FaultEffect[], zone: number, offset: number, into: Bytes, bytes: number): number {
    this.#checkPower()
    for (const patch of this.#patches) if (patch.zone === zone) applyPatch(patch, into.subarray(0, bytes), offset)
    for (const effect of effects) {
      if (effect.kind !== 'bit-flip' || bytes === 0) continue
      for (let i = 0; i < (effect.bits ?? 1); i++) {
        into[this.#plan.random.below(bytes)]! ^= 1 << this.#plan.random.below(8)
      }
    }
    if (effects.some((effect) => effect.kind === 'power-cut')) {
      this.cutPower()
      throw this.#cut!
    }
    const after = this.#errorAfter('read', effects)
    if (after !== undefined) throw after
    return bytes
  }

  protected override async doRead(zone: number, offset: number, into: Bytes): Promise<number> {
    const effects = this.#begin('read', zone)
    const latencyMs = this.#latency(effects)
    if (latencyMs > 0) await sleepMs(latencyMs)
    return this.#afterRead(effects, zone, offset, into, await this.inner.read(zone, offset, into))
  }

  protected override doReadSync(zone: number, offset: number, into: Bytes): number {
    const effects = this.#begin('read', zone)
    sleepMsSync(this.#latency(effects))
    return this.#afterRead(effects, zone, offset, into, this.inner.readSync!(zone, offset, into))
  }

  // ---- the rest ----

  #lost(effects: readonly FaultEffect[]): boolean {
    return effects.some((effect) => effect.kind === 'lost-flush')
  }

  #finishFlush(effects: readonly FaultEffect[], mark: number): void {
    this.#checkPower()
    const after = this.#errorAfter('flush', effects)
    if (!this.#lost(effects)) this.#journal.flushed(mark)
    if (after !== undefined) throw after
  }

  #beginFlush(): FaultEffect[] {
    const effects = this.#begin('flush', undefined)
    if (effects.some((effect) => effect.kind === 'power-cut')) {
      this.cutPower()
      throw this.#cut!
    }
    return effects
  }

  protected override async doFlush(): Promise<void> {
    const mark = this.caps.durability === 'seal' ? 0 : this.#journal.mark()
    const effects = this.#beginFlush()
    const latencyMs = this.#latency(effects)
    if (latencyMs > 0) await sleepMs(latencyMs)
    if (!this.#lost(effects)) await this.inner.flush()
    this.#finishFlush(effects, mark)
  }

  protected override doFlushSync(): void {
    const mark = this.#journal.mark()
    const effects = this.#beginFlush()
    sleepMsSync(this.#latency(effects))
    if (!this.#lost(effects)) this.inner.flushSync!()
    this.#finishFlush(effects, mark)
  }

  protected override doFinish(zone: number): Promise<void> {
    return this.#call('finish', zone, async () => {
      await this.inner.finish(zone)
      this.#journal.finished(zone)
      if (this.caps.durability === 'seal') this.#journal.sealed(zone)
    })
  }

  protected override doReset(zone: number): Promise<void> {
    return this.#call('reset', zone, async () => {
      let held: Bytes | undefined
      if (this.caps.overwrite === 'any') {
        const { pointer, type, capacityBytes } = (await this.inner.report())[zone]!
        if (type === 'conventional') {
          held = new Uint8Array(pointer === 'unknown' ? capacityBytes : pointer)
          await this.inner.read(zone, 0, held)
        }
      }
      await this.inner.reset(zone)
      this.#journal.reset(zone, held)
      this.#patches = this.#patches.filter((patch) => patch.zone !== zone)
    })
  }

  protected override doFinishSync(zone: number): void {
    this.#callSync('finish', zone, () => {
      this.inner.finishSync!(zone)
      this.#journal.finished(zone)
      if (this.caps.durability === 'seal') this.#journal.sealed(zone)
    })
  }

  protected override doResetSync(zone: number): void {
    this.#callSync('reset', zone, () => {
      this.inner.resetSync!(zone)
      this.#journal.reset(zone, undefined)
      this.#patches = this.#patches.filter((patch) => patch.zone !== zone)
    })
  }

  async #erase(): Promise<void> {
    await this.inner.erase!()
    this.#journal.erased()
    this.forgetStale()
    this.#patches = []
  }

  protected override doReport(): Promise<readonly ZoneReport[]> {
    return this.#call('report', undefined, () => this.inner.report())
  }

  protected override async doClose(): Promise<void> {
    // After a power cut the bytes below are still needed for the crash image, which then closes.
    if (this.#cut === undefined) await this.#closeInner()
  }

  async #closeInner(): Promise<void> {
    if (this.#innerClosed) return
    this.#innerClosed = true
    await this.inner.close()
  }

  #patched(image: MediumImage): MediumImage {
    if (this.#patches.length === 0) return image
    const zones = image.zones.map((zone): ZoneImage => {
      const mine = this.#patches.filter((patch) => patch.zone === zone.zone)
      if (mine.length === 0) return zone
      const bytes = zone.bytes.slice()
      for (const patch of mine) applyPatch(patch, bytes, 0)
      return { ...zone, bytes }
    })
    return { zones, keys: image.keys }
  }
}

/** Puts the part of `patch` that lies in [offset, offset + into.length) over `into`. */
function applyPatch(patch: Patch, into: Bytes, offset: number): void {
  const from = Math.max(patch.offset, offset)
  const to = Math.min(patch.offset + patch.bytes.length, offset + into.length)
  for (let at = from; at < to; at++) {
    const byte = patch.bytes[at - patch.offset]!
    into[at - offset] = patch.xor ? into[at - offset]! ^ byte : byte
  }
}

/** Wraps `inner`; closing the wrapper closes it. See {@link FaultMedium}. */
export function openFault(inner: Medium, options: FaultOptions = {}): FaultMedium {
  return new FaultMedium(inner, options)
}
