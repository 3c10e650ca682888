/** Directories: listings that are complete while they change, and what moves where. */
import assert from 'node:assert/strict'
import { type Area, directory, file, inParallel, node, refuses, symlink } from '../area.ts'
import type { Case } from '../case.ts'
import type { SuiteDir } from '../target.ts'

async function rest(dir: SuiteDir): Promise<string[]> {
  const names: string[] = []
  for (let entry = await dir.read(); entry !== null; entry = await dir.read()) names.push(entry.name)
  return names
}

const many = (count: number, prefix: string): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`)

const fill = (area: Area, names: readonly string[]): Promise<void> =>
  inParallel(names, (name) => area.promises.writeFile(area.path(name), ''))

export const directories: readonly Case[] = [
  {
    name: 'readdir and opendir show every entry once, and neither `.` nor `..`',
    async run(area) {
      const names = many(500, 'entry-')
      await fill(area, names)
      assert.deepEqual((await area.promises.readdir(area.directory)).sort(), [...names].sort())
      const dir = await area.promises.opendir(area.directory)
      assert.deepEqual((await rest(dir)).sort(), [...names].sort())
      await dir.close()
    },
  },
  {
    name: 'entries tell their types',
    needs: ['symlinks', 'mknod'],
    async run(area) {
      await area.plant({ d: directory(), f: file(), l: symlink('f'), p: node('fifo'), s: node('socket') })
      const entries = await area.promises.readdir(area.directory, { withFileTypes: true })
      const typed = Object.fromEntries(
        entries.map((entry) => [
          entry.name,
          [entry.isDirectory(), entry.isFile(), entry.isSymbolicLink(), entry.isFIFO(), entry.isSocket()].indexOf(true),
        ]),
      )
      assert.deepEqual(typed, { d: 0, f: 1, l: 2, p: 3, s: 4 })
    },
  },
  {
    name: '10,000 entries',
    async run(area) {
      const names = many(10_000, 'f')
      await fill(area, names)
      const found = await area.promises.readdir(area.directory)
      assert.equal(found.length, names.length)
      assert.equal(new Set(found).size, names.length)
      await refuses('ENOTEMPTY', area.promises.rmdir(area.directory))
    },
  },
  {
    name: 'what was there all the time is seen exactly once while entries come and go',
    async run(area) {
      const staying = many(400, 'stays-')
      const leaving = many(400, 'leaves-')
      await fill(area, [...staying, ...leaving])
      const dir = await area.promises.opendir(area.directory, { bufferSize: 8 })
      const seen: string[] = []
      try {
        for (let round = 0; ; round++) {
          const entry = await dir.read()
          if (entry === null) break
          seen.push(entry.name)
          const leaves = leaving[round]
          if (leaves === undefined) continue
          await area.promises.unlink(area.path(leaves))
          await area.promises.writeFile(area.path(`comes-${round}`), '')
        }
      } finally {
        await dir.close()
      }
      assert.deepEqual(seen.filter((name) => name.startsWith('stays-')).sort(), [...staying].sort())
      assert.equal(new Set(seen).size, seen.length, 'nothing is seen twice')
    },
  },
  {
    name: 'everything can be removed while it is listed',
    async run(area) {
      await fill(area, many(1000, 'f'))
      const dir = await area.promises.opendir(area.directory)
      for (let entry = await dir.read(); entry !== null; entry = await dir.read()) {
        await area.promises.unlink(area.path(entry.name))
      }
      await dir.close()
      assert.deepEqual(await area.promises.readdir(area.directory), [])
    },
  },
  {
    name: 'directories count their subdirectories as links',
    async run(area) {
      await area.plant({ a: directory(), 'a/b': directory(), 'a/c': directory(), 'a/f': file() })
      assert.equal((await area.stat('a')).nlink, 4n)
      await area.promises.rmdir(area.path('a/b'))
      await area.promises.rename(area.path('a/c'), area.path('c'))
      assert.equal((await area.stat('a')).nlink, 2n)
      assert.equal((await area.stat('c')).nlink, 2n)
    },
  },
  {
    name: 'rename replaces files and empty directories, at once and whole',
    async run(area) {
      await area.plant({
        new: file('new'),
        old: file('old'),
        full: directory(),
        'full/x': file('x'),
        empty: directory(),
      })
      await area.promises.rename(area.path('new'), area.path('old'))
      assert.equal(await area.text('old'), 'new')
      await area.promises.rename(area.path('full'), area.path('empty'))
      assert.equal(await area.text('empty/x'), 'x')
      assert.deepEqual((await area.promises.readdir(area.directory)).sort(), ['empty', 'old'])
    },
  },
  {
    name: 'noReplace moves to a free name; exchange swaps whatever is there',
    needs: ['renameFlags', 'symlinks'],
    async run(area) {
      await area.plant({ file: file('file'), full: directory(), 'full/x': file('x'), link: symlink('nowhere') })
      const { rename } = area.extras()
      await rename(area.path('file'), area.path('free'), { noReplace: true })
      assert.equal(await area.text('free'), 'file')
      await rename(area.path('free'), area.path('full'), { exchange: true })
      assert.equal(await area.text('full'), 'file')
      assert.equal(await area.text('free/x'), 'x')
      await rename(area.path('link'), area.path('full'), { exchange: true })
      assert.equal(await area.text('link'), 'file')
      assert.equal(await area.promises.readlink(area.path('full')), 'nowhere')
    },
  },
  {
    name: 'of many that make one name, one succeeds',
    async run(area) {
      const attempts = many(20, 'x').map(async (content) => {
        const handle = await area.promises.open(area.path('one'), 'wx')
        await handle.writeFile(content)
        await handle.close()
      })
      const done = await Promise.allSettled(attempts)
      assert.equal(done.filter(({ status }) => status === 'fulfilled').length, 1)
    },
  },
]
