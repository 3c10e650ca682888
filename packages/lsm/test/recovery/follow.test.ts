/** Readers that follow a writer by themselves. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LsmLevel } from '../../src/index.ts'
import { bundle } from '../bundle.ts'
import { type Options, SMALL } from '../configurations.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lsm-follow-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const inline: Options = { ...SMALL, worker: false }
const place = (): string => mkdtempSync(join(directory, 'db-'))

test('a reader takes in what the writer does, by itself, over flushes, compactions and closing', async () => {
  const location = place()
  const writer = new LsmLevel(location, inline)
  await writer.put('a', '0')
  const reader = new LsmLevel(location, { ...inline, readOnly: true, followMs: 5 })
  await reader.open()
  for (let round = 1; round <= 5; round++) {
    for (let i = 0; i < 200; i++) await writer.put(`k${i}`, `${round}`.padEnd(200, 'x'))
    if (round % 2 === 0) await writer.compactRange()
    await writer.put('a', String(round))
    await expect.poll(() => reader.getSync('a'), { timeout: 10_000 }).toBe(String(round))
    expect((await reader.keys().all()).length).toBe(201)
  }
  await writer.close()
  expect(reader.stats().follow!.refreshes).toBeGreaterThan(4)
  await expect.poll(() => reader.stats().follow!.failure).toBeUndefined()
  await reader.refresh()
  await reader.close()
})

test('a refresh on demand sees what was written before the call, while others run', async () => {
  const location = place()
  const writer = new LsmLevel(location, inline)
  await writer.open()
  const reader = new LsmLevel(location, { ...inline, readOnly: true, followMs: 1 })
  await reader.open()
  for (let i = 0; i < 200; i++) {
    writer.putSync('n', String(i))
    const [first, second] = [reader.refresh(), reader.refresh()]
    await first
    expect(reader.getSync('n')).toBe(String(i))
    await second
  }
  await reader.close()
  await writer.close()
})

test('it is for readers', async () => {
  const open = (options: Options) => new LsmLevel(place(), { ...inline, ...options }).open()
  await expect(open({ followMs: 10 })).rejects.toMatchObject({ cause: { code: 'LEVEL_ARGUMENT' } })
  await expect(open({ readOnly: true, salvage: true, followMs: 10 })).rejects.toMatchObject({
    cause: { code: 'LEVEL_ARGUMENT' },
  })
  await expect(open({ readOnly: true, followMs: -1 })).rejects.toMatchObject({ cause: { code: 'LEVEL_ARGUMENT' } })
})

test('a reader that follows does not keep its process alive', { timeout: 60_000 }, async () => {
  const location = place()
  const writer = new LsmLevel(location, inline)
  await writer.put('a', '1')
  const program = await bundle('recovery/follower.ts')
  try {
    const child = spawn(process.execPath, [program.program, location], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, output }).toEqual({ code: 0, output: '1\n' })
  } finally {
    program.remove()
    await writer.close()
  }
})
