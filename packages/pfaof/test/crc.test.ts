import { crc32 as native } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { crc32, crc32Fallback } from '../src/crc.ts'
import { CRC_BYTES_MAX, crcKernel, STAGING_AT } from '../src/crc-kernel.ts'

/** Deterministic bytes, and a seeded sequence of whole numbers. */
function sequence(seed: number): (below: number) => number {
  let x = seed >>> 0
  return (below) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    return Math.floor((x / 2 ** 32) * below)
  }
}

function bytesOf(length: number, seed: number): Buffer {
  const next = sequence(seed)
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = next(256)
  return bytes
}

const SEED = Number(process.env.VIVEFS_SEED ?? 20)

describe(`CRC-32, seed ${SEED}`, () => {
  const kernel = crcKernel(64 << 10)

  test('the kernel builds here', () => {
    expect(kernel).toBeDefined()
  })

  test('kernel, JavaScript and zlib agree on every length around the limits of folding', () => {
    const data = bytesOf(CRC_BYTES_MAX, SEED)
    const lengths = [...Array(80).keys()]
    for (const near of [512, 1024, 1040, 1104, 4096, CRC_BYTES_MAX])
      for (let length = near - 20; length <= Math.min(near + 20, CRC_BYTES_MAX); length++) lengths.push(length)
    for (const length of lengths) {
      const start = length % 3 === 0 ? 0 : (length * 2654435761) >>> 0
      const message = data.subarray(0, length)
      kernel!.memory.set(message, STAGING_AT)
      const want = native(message, start)
      expect([length, kernel!.crc(STAGING_AT, length, start) >>> 0]).toEqual([length, want])
      expect([length, crc32Fallback(message, start)]).toEqual([length, want])
      expect([length, crc32(message, start)]).toEqual([length, want])
    }
  })

  test('random messages at odd addresses, left as they were; longer ones in pieces', () => {
    const next = sequence(SEED + 1)
    for (let i = 0; i < 400; i++) {
      const message = bytesOf(next(i % 4 === 0 ? 40_000 : CRC_BYTES_MAX), next(2 ** 31))
      const want = native(message, i)
      expect([i, crc32(message, i)]).toEqual([i, want])
      if (message.length > CRC_BYTES_MAX) continue
      const at = STAGING_AT + next(64)
      kernel!.memory.set(message, at)
      expect([i, kernel!.crc(at, message.length, i) >>> 0]).toEqual([i, want])
      expect(kernel!.memory.subarray(at, at + message.length).equals(message)).toBe(true)
    }
  })

  test('pages: one CRC for each 4096 bytes begun', () => {
    const data = bytesOf(5 * 4096 + 1, SEED + 2)
    for (const bytes of [0, 1, 4095, 4096, 4097, 3 * 4096, 5 * 4096 + 1]) {
      kernel!.memory.fill(0xee, 0, 64)
      kernel!.memory.set(data, STAGING_AT)
      kernel!.pages(STAGING_AT, bytes, 0)
      const pages = Math.ceil(bytes / 4096)
      for (let page = 0; page < pages; page++) {
        const want = native(data.subarray(page * 4096, Math.min(bytes, (page + 1) * 4096)))
        expect([bytes, page, kernel!.memory.readUInt32LE(4 * page)]).toEqual([bytes, page, want])
      }
      expect(kernel!.memory.readUInt32LE(4 * pages)).toBe(0xeeeeeeee)
    }
  })
})
