import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isImageable, type Medium, type MediumImage, SeededRandom } from '@vivefs/media'
import { afterAll, describe, expect, test } from 'vitest'
import { isPfaofError, runAsync, Volume } from '../src/index.ts'
import { type Contents, closeAll, mediaHolding } from './crash.ts'
import { KINDS, smallDirectory } from './kinds.ts'

/** Single bits flipped in live bytes: every read is right or an error, never wrong. VIVEFS_DEEP=1: 2,000 on every kind of medium. */
const FLIPS = 2000
const DEEP = process.env.VIVEFS_DEEP === '1'
const SEED = Number(process.env.VIVEFS_SEED ?? 3)

const root = mkdtempSync(join(tmpdir(), 'pfaof-rot-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const kinds: Record<string, () => Record<string, Medium>> = {
  ...KINDS,
  directory: () => ({ m: smallDirectory(join(root, 'd')) }),
}

interface Built {
  readonly media: Record<string, Medium>
  readonly files: ReadonlyMap<string, Buffer>
  readonly contents: Contents
}

async function build(media: Record<string, Medium>): Promise<Built> {
  const volume = await Volume.create({ media, now: () => 1 })
  const files = new Map<string, Buffer>()
  const random = new SeededRandom(SEED)
  for (let i = 0; i < 6; i++) {
    const file = await runAsync(volume.create({ name: `f${i}`, media: ['m'] }))
    const parts: Buffer[] = []
    for (let k = 0; k < 5; k++) {
      const part = Buffer.from(random.fill(new Uint8Array(1 + Math.floor(random.next() * 5000))))
      parts.push(part)
      await runAsync(file.append([part]))
    }
    if (i % 2 === 0) await runAsync(file.seal())
    files.set(`f${i}`, Buffer.concat(parts))
  }
  await volume.close()
  const contents: Record<string, MediumImage> = {}
  for (const [name, medium] of Object.entries(media)) {
    if (isImageable(medium)) contents[name] = await medium.image()
  }
  return { media, files, contents }
}

/** Opens and reads everything; answers how often damage was reported. */
async function readAll(media: Record<string, Medium>, files: Built['files'], where: string): Promise<number> {
  let detected = 0
  try {
    const volume = await Volume.open({ media })
    expect([...volume.list()].map(({ name }) => name).sort(), where).toEqual([...files.keys()])
    for (const [name, want] of files) {
      const file = await runAsync(volume.open(name))
      expect(file.size, where).toBe(want.length)
      const into = Buffer.alloc(want.length)
      try {
        await runAsync(file.read(0, into))
      } catch (error) {
        if (!isPfaofError(error, 'PFAOF_CORRUPTION')) throw error
        detected++
        continue
      }
      expect(into.equals(want), `${where}: ${name} reads wrong`).toBe(true)
    }
  } catch (error) {
    if (!isPfaofError(error)) throw error
    expect(error.code, where).toBe('PFAOF_CORRUPTION')
    detected++
  }
  return detected
}

describe('bit rot', () => {
  for (const [kind, make] of Object.entries(kinds)) {
    const flips = DEEP || kind === 'memory' ? FLIPS : 60
    test(`${kind}: ${flips} single flips in live bytes, 0 silent wrong reads`, { timeout: 300_000 }, async () => {
      const { media, files, contents } = await build(make())
      const places = Object.values(contents).flatMap(({ zones, keys }) => [
        ...zones.map(({ bytes }) => bytes),
        ...keys.values(),
      ])
      const random = new SeededRandom(SEED)
      let detected = 0
      for (let flip = 0; flip < flips; flip++) {
        const place = Math.floor(random.next() * places.length)
        const bytes = places[place]!
        const at = Math.floor(random.next() * bytes.length)
        const bit = 1 << Math.floor(random.next() * 8)
        bytes[at]! ^= bit
        const twins = await mediaHolding(contents, media)
        bytes[at]! ^= bit
        detected += await readAll(
          twins,
          files,
          `${kind}: VIVEFS_SEED=${SEED} flip ${flip}: place ${place} byte ${at} bit ${bit}`,
        )
        await closeAll(twins)
        for (const { spec } of Object.values(twins))
          if (spec.kind === 'directory') rmSync(String(spec.path), { recursive: true })
      }
      await closeAll(media)
      console.log(`bit rot: seed ${SEED}, ${kind}: ${flips} flips, ${detected} reads refused, 0 wrong`)
      expect(detected).toBeGreaterThan(flips / 20)
    })
  }
})
