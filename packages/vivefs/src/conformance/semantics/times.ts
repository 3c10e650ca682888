/** Times that are set and kept. */
import assert from 'node:assert/strict'
import { file, refuses, tick } from '../area.ts'
import type { Case } from '../case.ts'

export const times: readonly Case[] = [
  {
    name: 'utimes sets atime and mtime, also before 1970 and after 2038',
    async run(area) {
      await area.plant({ file: file() })
      for (const [atime, mtime] of [
        [1, 2],
        [1_000_000_000.5, 1_000_000_001.25],
        [4_000_000_000, 5_000_000_000],
      ] as const) {
        await area.promises.utimes(area.path('file'), atime, mtime)
        const { atimeNs, mtimeNs } = await area.stat('file')
        assert.equal(atimeNs, BigInt(atime * 1000) * 1_000_000n)
        assert.equal(mtimeNs, BigInt(mtime * 1000) * 1_000_000n)
      }
    },
  },
  {
    name: 'times of new files have more than milliseconds',
    needs: ['nanoseconds'],
    async run(area) {
      let isFine = false
      for (let at = 0; at < 20 && !isFine; at++) {
        await area.promises.writeFile(area.path(`f${at}`), '')
        isFine = (await area.stat(`f${at}`)).mtimeNs % 1_000_000n !== 0n
      }
      assert.ok(isFine)
    },
  },
  {
    name: 'relatime: the access time moves when it is not younger than the change',
    needs: ['atime'],
    async run(area) {
      await area.plant({ file: file('content') })
      await tick()
      await area.text('file')
      const first = await area.stat('file')
      assert.ok(first.atimeNs > first.mtimeNs, 'the first read moves it')
      await tick()
      await area.promises.appendFile(area.path('file'), '!')
      await tick()
      await area.text('file')
      const second = await area.stat('file')
      assert.ok(second.atimeNs > second.mtimeNs, 'a read after a write moves it')
    },
  },
  {
    name: 'an access time that is a day old moves with the next read',
    needs: ['atime'],
    async run(area) {
      await area.plant({ file: file('content') })
      const past = Date.now() / 1000 - 100_000
      await area.promises.utimes(area.path('file'), past, past - 100_000)
      await area.text('file')
      assert.ok((await area.stat('file')).atimeNs > BigInt(Math.floor(past)) * 1_000_000_000n + 50_000_000_000_000n)
    },
  },
  {
    name: 'a birthtime stays for life',
    needs: ['birthtime'],
    async run(area) {
      await area.plant({ file: file('content') })
      const { birthtimeNs } = await area.stat('file')
      await tick()
      await area.promises.writeFile(area.path('file'), 'new')
      await area.promises.utimes(area.path('file'), 1, 1)
      await area.promises.chmod(area.path('file'), 0o600)
      await area.promises.rename(area.path('file'), area.path('renamed'))
      assert.equal((await area.stat('renamed')).birthtimeNs, birthtimeNs)
    },
  },
  {
    name: 'ctime cannot be set',
    async run(area) {
      await area.plant({ file: file('content') })
      const { ctimeNs } = await area.stat('file')
      await tick()
      await area.promises.utimes(area.path('file'), 1, 1)
      assert.ok((await area.stat('file')).ctimeNs > ctimeNs)
      await refuses('ENOENT', area.stat('missing'))
    },
  },
]
