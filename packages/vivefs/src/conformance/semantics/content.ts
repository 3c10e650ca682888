/** Content: holes, sizes, sharing of bytes between names. */
import assert from 'node:assert/strict'
import { file, hardLink } from '../area.ts'
import type { Case } from '../case.ts'
import { get, put } from './open-files.ts'

const MIB = 1024 * 1024

/** Content whose every byte tells its place. */
const pattern = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff))

export const content: readonly Case[] = [
  {
    name: 'a gap between two writes reads as zeros',
    async run(area) {
      const handle = await area.open('file', 'w+')
      await put(handle, 'begin', 0)
      await put(handle, 'end', 300_000)
      const whole = await area.promises.readFile(area.path('file'))
      assert.equal(whole.length, 300_003)
      assert.equal(whole.subarray(0, 5).toString(), 'begin')
      assert.ok(whole.subarray(5, 300_000).every((byte) => byte === 0))
      assert.equal(whole.subarray(300_000).toString(), 'end')
    },
  },
  {
    name: 'writing into a gap keeps what lies around it',
    async run(area) {
      const handle = await area.open('file', 'w+')
      const model = Buffer.alloc(200_000)
      for (const [at, length] of [
        [0, 10],
        [150_000, 50_000],
        [70_000, 1000],
        [65_530, 12],
        [69_990, 20],
        [131_072, 65_536],
        [5, 2],
      ] as const) {
        const piece = pattern(length)
        piece.copy(model, at)
        await handle.write(piece, 0, length, at)
      }
      assert.ok((await area.promises.readFile(area.path('file'))).equals(model))
    },
  },
  {
    name: 'holes take no space',
    needs: ['sparse'],
    async run(area) {
      const handle = await area.open('file', 'w+')
      await put(handle, 'x', 1024 * MIB)
      const { size, blocks } = await area.stat('file')
      assert.equal(size, BigInt(1024 * MIB) + 1n)
      assert.ok(blocks > 0n && blocks * 512n < BigInt(MIB), `${blocks} blocks`)
      assert.equal(await get(handle, 3, 512 * MIB), '\0\0\0')
    },
  },
  {
    name: 'blocks count what is written and come back with truncate',
    needs: ['sparse'],
    async run(area) {
      const handle = await area.open('file', 'w+')
      await handle.writeFile(Buffer.alloc(MIB, 1))
      await handle.sync()
      assert.ok((await area.stat('file')).blocks * 512n >= BigInt(MIB))
      await handle.truncate(0)
      assert.equal((await area.stat('file')).blocks, 0n)
    },
  },
  {
    name: 'what truncate cut off reads as zeros when the file grows again',
    async run(area) {
      await area.plant({ file: file(pattern(200_000)) })
      for (const [small, great] of [
        [100_001, 150_000],
        [65_536, 131_072],
        [7, 200_000],
      ] as const) {
        await area.promises.writeFile(area.path('file'), pattern(200_000))
        await area.promises.truncate(area.path('file'), small)
        await area.promises.truncate(area.path('file'), great)
        const model = Buffer.concat([pattern(200_000).subarray(0, small), Buffer.alloc(great - small)])
        assert.ok((await area.promises.readFile(area.path('file'))).equals(model), `${small}, ${great}`)
      }
    },
  },
  {
    name: 'writing behind the end after a truncate leaves zeros between',
    async run(area) {
      await area.plant({ file: file(pattern(5000)) })
      const handle = await area.open('file', 'r+')
      await handle.truncate(10)
      await put(handle, 'tail', 4000)
      const whole = await area.promises.readFile(area.path('file'))
      assert.ok(whole.equals(Buffer.concat([pattern(10), Buffer.alloc(3990), Buffer.from('tail')])))
    },
  },
  {
    name: 'a read stops at the end of the file',
    async run(area) {
      await area.plant({ file: file('1234') })
      const handle = await area.open('file')
      assert.equal(await get(handle, 10, 2), '34')
      assert.equal(await get(handle, 10, 4), '')
      assert.equal(await get(handle, 10, 1_000_000), '')
    },
  },
  {
    name: 'all names of a file are the same file',
    needs: ['hardLinks'],
    async run(area) {
      await area.plant({ one: file('content'), two: hardLink('one'), three: hardLink('one') })
      await area.promises.appendFile(area.path('two'), '!')
      assert.equal(await area.text('three'), 'content!')
      const [one, three] = [await area.stat('one'), await area.stat('three')]
      assert.equal(one.ino, three.ino)
      assert.equal(three.nlink, 3n)
      await area.promises.unlink(area.path('one'))
      await area.promises.rename(area.path('two'), area.path('three'))
      assert.equal((await area.stat('two')).nlink, 2n, 'names of one file: rename does nothing')
      await area.promises.unlink(area.path('two'))
      assert.equal((await area.stat('three')).nlink, 1n)
      assert.equal(await area.text('three'), 'content!')
    },
  },
  {
    name: 'a big file comes back as it was written',
    async run(area) {
      const bytes = pattern(3 * MIB + 17)
      await area.promises.writeFile(area.path('file'), bytes)
      assert.ok((await area.promises.readFile(area.path('file'))).equals(bytes))
      assert.equal((await area.stat('file')).size, BigInt(bytes.length))
    },
  },
  {
    name: 'everything is there after closing and opening the filesystem',
    needs: ['remount'],
    async run(area) {
      await area.plant({ file: file(pattern(100_000), { mode: 0o640 }) })
      const before = await area.stat('file')
      await area.remount()
      const after = await area.stat('file')
      for (const field of ['ino', 'mode', 'nlink', 'uid', 'gid', 'size', 'blocks'] as const) {
        assert.equal(after[field], before[field], field)
      }
      for (const field of ['mtimeNs', 'ctimeNs', 'birthtimeNs'] as const)
        assert.equal(after[field], before[field], field)
      assert.ok((await area.promises.readFile(area.path('file'))).equals(pattern(100_000)))
    },
  },
]
