/** What the parts of the suite share: a volume on fresh media, refusals by code, contents, noise. */
import assert from 'node:assert/strict'
import type { Medium } from '@vivefs/media'
import type { AppendFile } from '../append-file.ts'
import { isPfaofError, type PfaofErrorCode } from '../error.ts'
import { type Op, runAsync } from '../op.ts'
import type { Volume } from '../volume.ts'

/** What a test gets. */
export interface Ground {
  readonly media: Readonly<Record<string, Medium>>
  readonly files: readonly string[]
  readonly operations: number
  readonly volume: Volume
}

export type Declare = (name: string, body: (ground: Ground) => Promise<void>) => void

export async function refused(op: Op<unknown> | Promise<unknown>, code: PfaofErrorCode): Promise<void> {
  const run = 'next' in op ? runAsync(op) : op
  await assert.rejects(run, (error) => isPfaofError(error, code), `must fail with ${code}`)
}

export async function content(file: AppendFile): Promise<Buffer> {
  const into = Buffer.alloc(file.size)
  assert.equal(await runAsync(file.read(0, into)), file.size)
  return into
}

export function noise(bytes: number, seed: number): Buffer {
  const into = Buffer.alloc(bytes)
  for (let i = 0, x = seed; i < bytes; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    into[i] = x >>> 24
  }
  return into
}
