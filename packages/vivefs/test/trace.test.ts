/** Tracing: every operation of every face says when it begins and ends, and what became of it. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runSync } from '../src/op.ts'
import type { OperationTrace } from '../src/trace.ts'
import { ViveFS } from '../src/vivefs.ts'

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const
const credentials = { uid: 0, gid: 0, groups: [], umask: 0o022 }

let vive: ViveFS
let said: string[]
let contexts: Set<OperationTrace>
const listeners = EVENTS.map((event) => {
  const listener = (message: unknown): void => {
    const context = message as OperationTrace
    contexts.add(context)
    said.push(`${event} ${context.face}.${context.operation}`)
  }
  return [`tracing:vivefs:operation:${event}`, listener] as const
})

beforeEach(async () => {
  vive = await ViveFS.open('memory://', { credentials, durability: 'relaxed' })
  said = []
  contexts = new Set()
  for (const [name, listener] of listeners) subscribe(name, listener)
})
afterEach(async () => {
  for (const [name, listener] of listeners) unsubscribe(name, listener)
  await vive.close()
})

test('by every face', async () => {
  vive.fs.writeFileSync('/f', 'text')
  expect(said).toEqual(['start sync.writeFileSync', 'end sync.writeFileSync'])
  said = []
  await vive.fs.promises.readFile('/f')
  expect(said[0]).toBe('start promises.readFile')
  said = []
  await new Promise((resolve) => vive.fs.stat('/f', resolve))
  expect(said[0]).toBe('start callback.stat')
  said = []
  const handle = await vive.fs.promises.open('/f')
  await handle.read(Buffer.alloc(4), 0, 4, 0)
  await handle.close()
  expect(said.filter((each) => each.startsWith('start'))).toEqual([
    'start promises.open',
    'start handle.read',
    'start handle.close',
  ])
  said = []
  runSync(vive.fsal.getattr(credentials, vive.fsal.root(), undefined))
  expect(said).toEqual(['start fsal.getattr', 'end fsal.getattr'])
})

test('one message object for each operation, with what it was called with and what it answered', () => {
  vive.fs.mkdirSync('/d', 0o700)
  expect(contexts.size).toBe(1)
  const [context] = contexts
  expect(context).toMatchObject({ operation: 'mkdirSync', face: 'sync', volumeId: vive.volumeId, uid: 0, gid: 0 })
  expect(context!.args).toEqual(['/d', 0o700])
  expect('result' in context! && !('error' in context)).toBe(true)
})

test('what is refused says so', async () => {
  await expect(vive.fs.promises.readFile('/no')).rejects.toMatchObject({ code: 'ENOENT' })
  expect(said).toContain('error promises.readFile')
  expect([...contexts][0]!.error).toMatchObject({ code: 'ENOENT' })
})

test('what has to wait has four messages', async () => {
  const slow = await ViveFS.open('memory://', { credentials })
  said = []
  await slow.fs.promises.writeFile('/f', '')
  expect(said).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'].map((event) => `${event} promises.writeFile`))
  said = []
  await slow.transaction((tx) => tx.fs.writeFile('/g', ''))
  expect(said[0]).toBe('start volume.transaction')
  expect(said).toContain('start promises.writeFile')
  await slow.close()
})

test('nobody listens: nothing is made', async () => {
  for (const [name, listener] of listeners) unsubscribe(name, listener)
  vive.fs.writeFileSync('/f', 'text')
  await vive.fs.promises.readFile('/f')
  expect(said).toEqual([])
})
