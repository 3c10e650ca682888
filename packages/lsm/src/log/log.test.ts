import { openMemory, SeededRandom } from '@vivefs/media'
import { type AppendFile, crc32, maskCrc, Volume } from '@vivefs/pfaof'
import { expect, test } from 'vitest'
import { type Batch, batchEntries } from '../batch/batch-decoder.ts'
import { BatchEncoder } from '../batch/batch-encoder.ts'
import { runAsync, runSync } from '../op.ts'
import { encodeLogHeader, LOG_HEADER_BYTES } from './log-header.ts'
import { LogReader, type LogSource } from './log-reader.ts'
import { LogWriter } from './log-writer.ts'

const SEED = Number(process.env.VIVEFS_SEED ?? 1)

async function freshFile(): Promise<AppendFile> {
  const medium = openMemory({ zoneCount: 8, zoneBytes: 16 << 20 })
  const volume = await Volume.create({ media: { m: medium } })
  return runAsync(volume.create({ name: 'log', media: ['m'] }))
}

/** A log as plain bytes, to damage it; reads come in pieces of at most `piece`. */
class Bytes implements LogSource {
  readonly bytes: Buffer
  readonly #piece: number

  constructor(bytes: Buffer, piece = 1 << 30) {
    this.bytes = bytes
    this.#piece = piece
  }

  get size(): number {
    return this.bytes.length
  }

  *read(offset: number, into: Uint8Array) {
    const piece = this.bytes.subarray(offset, offset + Math.min(into.length, this.#piece))
    into.set(piece)
    return piece.length
  }
}

/** An entry in short: values are compared by their CRC. */
const brief = (sequence: number, key: Buffer, value: Buffer) => `${sequence} ${key} ${value.length} ${crc32(value)}`

function collect(into: string[]): (batch: Batch) => void {
  return (batch) => {
    for (const { sequence, key, value } of batchEntries(batch)) into.push(brief(sequence, key, value!))
  }
}

/** Batches of all sizes, some of them in one append. */
function write(log: LogWriter, random: SeededRandom, count: number): string[] {
  const written: string[] = []
  let sequence = 1
  let parts: Uint8Array[] = []
  for (let i = 0; i < count; i++) {
    const batch = new BatchEncoder()
    const entries = 1 + Math.floor(random.next() * 20)
    for (let n = 0; n < entries; n++) {
      const key = Buffer.from(`key${Math.floor(random.next() * 1000)}`)
      const value = Buffer.alloc(Math.floor(random.next() * (i % 10 === 0 ? 200_000 : 300)), i)
      batch.put(key, value)
      written.push(brief(sequence + n, key, value))
    }
    parts.push(...batch.parts(sequence).map((part) => Buffer.from(part)))
    sequence += entries
    if (random.next() < 0.7 || i === count - 1) {
      runSync(log.append(parts))
      parts = []
    }
  }
  return written
}

async function contents(file: AppendFile): Promise<Buffer> {
  const bytes = Buffer.alloc(file.size)
  expect(await runAsync(file.read(0, bytes))).toBe(file.size)
  return bytes
}

test('batches come back in order; a second replay goes on where the first stopped', async () => {
  const file = await freshFile()
  const reader = new LogReader(file, 7)
  const found: string[] = []
  expect(runSync(reader.replay(collect(found)))).toEqual({ offset: 0, batches: 0, entries: 0, lastSequence: 0 })
  const log = new LogWriter(file, 7)
  const written = write(log, new SeededRandom(SEED), 60)
  const end = runSync(reader.replay(collect(found)))
  expect(found).toEqual(written)
  expect(end).toEqual({ offset: file.size, batches: 60, entries: written.length, lastSequence: written.length })
  const batch = new BatchEncoder()
  batch.del('late')
  const offset = runSync(log.append(batch.parts(written.length + 1)))
  runSync(log.sync())
  expect(log.syncedSize).toBe(file.size)
  const offsets: number[] = []
  runSync(reader.replay((_, at) => offsets.push(at)))
  expect(offsets).toEqual([offset])
  expect(reader.end.batches).toBe(61)
})

test('the first batch lies after the header', async () => {
  const file = await freshFile()
  const batch = new BatchEncoder()
  batch.put('k', 'v')
  expect(runSync(new LogWriter(file, 0xffff_ffff).append(batch.parts(1)))).toBe(LOG_HEADER_BYTES)
  const head = (await contents(file)).subarray(0, 20)
  expect(head.toString('hex')).toBe('89764c4c0d0a1a0a01000000ffffffff00000000')
})

test('a damaged header and every cut is found and named; what was read before is true', async () => {
  const file = await freshFile()
  const random = new SeededRandom(SEED)
  const written = write(new LogWriter(file, 7), random, 4)
  const sound = await contents(file)
  const ends: number[] = [LOG_HEADER_BYTES]
  runSync(new LogReader(new Bytes(sound), 7).replay((batch, at) => ends.push(at + 16 + batch.entriesBytes)))
  const outcome = (bytes: Buffer) => {
    const found: string[] = []
    try {
      runSync(new LogReader(new Bytes(bytes, 1000), 7, 'log-7').replay(collect(found)))
      return { found, code: undefined, message: '' }
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      return { found, code, message }
    }
  }
  const cuts = Array.from({ length: 300 }, (_, i) => (i < 40 ? i : Math.floor(random.next() * sound.length)))
  for (const cut of cuts) {
    const { found, code, message } = outcome(sound.subarray(0, cut))
    if (cut === 0 || ends.includes(cut)) expect(code).toBeUndefined()
    else {
      expect(code, `cut at ${cut}`).toBe('LEVEL_CORRUPTION')
      expect(message).toMatch(/log-7 at offset \d+/)
    }
    expect(found).toEqual(written.slice(0, found.length))
  }
  for (let at = 0; at < LOG_HEADER_BYTES; at++) {
    const bytes = Buffer.from(sound)
    bytes[at] = bytes[at]! ^ 0x40
    expect(outcome(bytes).code, `byte ${at}`).toBe('LEVEL_CORRUPTION')
  }
})

test('a newer version, another number and sequence numbers that go back are refused', async () => {
  const batch = new BatchEncoder()
  batch.put('k', 'v')
  const record = Buffer.concat(batch.parts(5))
  const replay = (...parts: Buffer[]) => runSync(new LogReader(new Bytes(Buffer.concat(parts)), 7).replay(() => {}))
  expect(() => replay(encodeLogHeader(8), record)).toThrow(/LEVEL_CORRUPTION: log-7 .*log 8, expected was 7/)
  const newer = encodeLogHeader(7)
  newer.writeUInt16LE(2, 8)
  newer.writeUInt32LE(maskCrc(crc32(newer.subarray(0, 20))), 20)
  expect(() => replay(newer, record)).toThrow(/LEVEL_FORMAT: log-7: log version 2, supported is 1/)
  expect(() => replay(encodeLogHeader(7), record, record)).toThrow(/LEVEL_CORRUPTION: .*sequence number 5 after 5/)
  expect(replay(encodeLogHeader(7), record).batches).toBe(1)
})
