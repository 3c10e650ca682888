import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ClassicLevel } from 'classic-level'
import { MemoryLevel } from 'memory-level'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { superblockKey } from '../src/format/keys.ts'
import { decodeSuperblock, encodeSuperblock, FEATURES_KNOWN } from '../src/format/superblock.ts'
import { ViveFS } from '../src/index.ts'

let folder = ''
let directory = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivefs-open-'))
  directory = join(folder, 'volume')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('where', () => {
  test('a directory, by path, by lsm:, by URL: the same volume', async () => {
    const made = await ViveFS.open(directory)
    await made.fs.promises.writeFile('/x', 'kept')
    const { volumeId, engine } = made
    await made.close()
    expect(engine).toBe('lsm')
    for (const where of [directory, `lsm:${directory}`, pathToFileURL(directory)]) {
      const vive = await ViveFS.open(where, { create: false })
      expect(vive.volumeId).toBe(volumeId)
      expect(await vive.fs.promises.readFile('/x', 'utf8')).toBe('kept')
      await vive.close()
    }
  })

  test('a database of the caller, whatever its encodings, stays the caller’s to close', async () => {
    const databases = [
      new MemoryLevel<string, unknown>({ valueEncoding: 'json' }),
      new ClassicLevel<string, string>(join(folder, 'own')),
    ]
    for (const database of databases) {
      const vive = await ViveFS.open(database)
      await vive.fs.promises.writeFile('/x', 'kept')
      await vive.close()
      expect(database.status).toBe('open')
      const again = await ViveFS.open(database, { create: false })
      expect(await again.fs.promises.readFile('/x', 'utf8')).toBe('kept')
      await again.close()
      await database.close()
    }
  })

  test('nonsense is refused', async () => {
    for (const where of ['', 'http://example.test/', 's3://bucket', {}, 5, undefined]) {
      await expect(ViveFS.open(where as string)).rejects.toMatchObject({ code: 'ERR_VIVEFS_OPTION' })
    }
    for (const options of [{ extentBytes: 5000 }, { extentBytes: 2048 }, { memoryBytes: 1 }]) {
      await expect(ViveFS.open('memory://', options)).rejects.toMatchObject({ code: 'ERR_VIVEFS_OPTION' })
    }
  })
})

describe('what is there', () => {
  test('create: false wants a volume, exclusive wants none', async () => {
    await expect(ViveFS.open(directory, { create: false })).rejects.toMatchObject({ code: 'ERR_VIVEFS_NOT_A_VOLUME' })
    await (await ViveFS.open(directory, { create: 'exclusive' })).close()
    await expect(ViveFS.open(directory, { create: 'exclusive' })).rejects.toMatchObject({ code: 'ERR_VIVEFS_EXISTS' })
    await (await ViveFS.open(directory, { create: false })).close()
  })

  test('a directory or a database with other content is left alone', async () => {
    writeFileSync(join(folder, 'thesis.txt'), 'years of work')
    await expect(ViveFS.open(folder)).rejects.toMatchObject({ code: 'ERR_VIVEFS_NOT_A_VOLUME' })
    expect(readFileSync(join(folder, 'thesis.txt'), 'utf8')).toBe('years of work')
    const database = new MemoryLevel<string, string>()
    await database.put('somebody', 'else')
    await expect(ViveFS.open(database)).rejects.toMatchObject({ code: 'ERR_VIVEFS_NOT_A_VOLUME' })
    expect(await database.keys().all()).toEqual(['somebody'])
  })

  test('an unfinished mkfs is finished, with the identity it began with', async () => {
    const made = await ViveFS.open(directory)
    const { volumeId } = made
    await made.close()
    rmSync(join(directory, 'lsm'), { recursive: true })
    const again = await ViveFS.open(directory)
    expect(again.volumeId).toBe(volumeId)
    expect(await again.fs.promises.readdir('/')).toEqual([])
    await again.close()
  })

  test('a newer format and unknown features are refused with both numbers', async () => {
    await (await ViveFS.open(directory)).close()
    const description = JSON.parse(readFileSync(join(directory, 'vivefs.json'), 'utf8'))
    writeFileSync(join(directory, 'vivefs.json'), JSON.stringify({ ...description, format: 7 }))
    await expect(ViveFS.open(directory)).rejects.toMatchObject({ code: 'ERR_VIVEFS_FORMAT', found: 7, supported: 1 })
    writeFileSync(join(directory, 'vivefs.json'), 'not json')
    await expect(ViveFS.open(directory)).rejects.toMatchObject({ code: 'ERR_VIVEFS_FORMAT' })

    const database = new MemoryLevel<Uint8Array, Uint8Array>({ keyEncoding: 'view', valueEncoding: 'view' })
    await (await ViveFS.open(database)).close()
    const row = await database.get(superblockKey)
    const superblock = row === undefined ? undefined : decodeSuperblock(row)
    if (!superblock?.ok) throw new Error('no superblock')
    const bit = 0x4000_0000
    const setFeatures = (features: object) =>
      database.put(
        superblockKey,
        encodeSuperblock({ ...superblock.value, features: { ...superblock.value.features, ...features } }),
      )
    await setFeatures({ incompat: bit })
    const { incompat, roCompat } = FEATURES_KNOWN
    const refusal = { code: 'ERR_VIVEFS_FORMAT', found: bit }
    await expect(ViveFS.open(database)).rejects.toMatchObject({ ...refusal, supported: incompat })
    await expect(ViveFS.open(database, { readOnly: true })).rejects.toMatchObject({ ...refusal, supported: incompat })
    await setFeatures({ roCompat: bit })
    await expect(ViveFS.open(database)).rejects.toMatchObject({ ...refusal, supported: roCompat })
    await (await ViveFS.open(database, { readOnly: true })).close()
  })

  test('read-only changes nothing and refuses changes', async () => {
    const made = await ViveFS.open(directory)
    await made.fs.promises.writeFile('/x', 'kept')
    await made.close()
    const vive = await ViveFS.open(directory, { readOnly: true })
    expect(await vive.fs.promises.readFile('/x', 'utf8')).toBe('kept')
    await expect(vive.fs.promises.writeFile('/y', '')).rejects.toMatchObject({ code: 'EROFS' })
    await expect(vive.fs.promises.unlink('/x')).rejects.toMatchObject({ code: 'EROFS' })
    expect((await vive.fsck()).clean).toBe(true)
    await vive.close()
  })
})

describe('one writer', () => {
  test('a second one in this process is told so', async () => {
    const vive = await ViveFS.open(directory)
    await expect(ViveFS.open(directory)).rejects.toMatchObject({
      code: 'ERR_VIVEFS_LOCKED',
      holder: { pid: process.pid },
      message: expect.stringContaining('this process'),
    })
    await vive.close()
    const database = new MemoryLevel()
    const first = await ViveFS.open(database)
    await expect(ViveFS.open(database)).rejects.toMatchObject({ code: 'ERR_VIVEFS_LOCKED' })
    await first.close()
    await (await ViveFS.open(database)).close()
  })

  test('a second one in another process is named, and its death frees the volume', async () => {
    const script = join(folder, 'holder.mjs')
    const entry = new URL('../dist/index.js', import.meta.url).href
    writeFileSync(
      script,
      `import { ViveFS } from ${JSON.stringify(entry)}
       const vive = await ViveFS.open(${JSON.stringify(directory)})
       await vive.fs.promises.writeFile('/from-child', 'x')
       process.send('open')
       setInterval(() => {}, 1000)`,
    )
    const child = fork(script)
    await once(child, 'message')
    await expect(ViveFS.open(directory)).rejects.toMatchObject({
      code: 'ERR_VIVEFS_LOCKED',
      holder: { pid: child.pid },
      message: expect.stringContaining(`process ${child.pid}`),
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const vive = await ViveFS.open(directory)
    expect(await vive.fs.promises.readFile('/from-child', 'utf8')).toBe('x')
    await vive.close()
  })
})

test('relaxed: a process that runs out of work without closing loses nothing', async () => {
  const script = join(folder, 'forgetful.mjs')
  const entry = new URL('../dist/index.js', import.meta.url).href
  writeFileSync(
    script,
    `import { ViveFS } from ${JSON.stringify(entry)}
     const { fs } = await ViveFS.open(${JSON.stringify(directory)}, { durability: 'relaxed' })
     for (let i = 0; i < 200; i++) fs.writeFileSync('/f' + i, 'x')`,
  )
  await once(fork(script), 'exit')
  const vive = await ViveFS.open(directory)
  expect(await vive.fs.promises.readdir('/')).toHaveLength(200)
  expect((await vive.fsck()).clean).toBe(true)
  await vive.close()
})

test('closing is idempotent; later calls are refused', async () => {
  const vive = await ViveFS.open('memory://')
  await Promise.all([vive.close(), vive.close()])
  await vive[Symbol.asyncDispose]()
  await expect(vive.fs.promises.stat('/')).rejects.toMatchObject({ code: 'ERR_VIVEFS_CLOSED' })
  await expect(vive.users.list()).rejects.toMatchObject({ code: 'ERR_VIVEFS_CLOSED' })
})
