import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildFilter, Filter, HashList } from './bloom.ts'
import { hashKey } from './hash.ts'

test('the hash is MurmurHash3 x86_32 with the seed of FORMAT.md', () => {
  // The published test vectors for this seed.
  const vectors: [string, number][] = [
    ['', 0xebb6c228],
    ['a', 0x7fa09ea6],
    ['aa', 0x5d211726],
    ['aaa', 0x283e0130],
    ['aaaa', 0x5a97808a],
    ['abcd', 0xf0478627],
    ['Hello, world!', 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0x2fa826cd],
  ]
  for (const [text, hash] of vectors) {
    const bytes = Buffer.from(`<${text}>`)
    expect(hashKey(bytes, 1, bytes.length - 1).toString(16)).toBe(hash.toString(16))
  }
})

test('a filter has every key that went in, at any size', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 300 }),
      fc.integer({ min: 1, max: 30 }),
      (keys, bits) => {
        const hashes = new HashList()
        for (const key of keys) hashes.add(hashKey(key, 0, key.length))
        const filter = Filter.decode(buildFilter(hashes, bits))!
        for (const key of keys) expect(filter.mayContain(hashKey(key, 0, key.length))).toBe(true)
      },
    ),
  )
})
