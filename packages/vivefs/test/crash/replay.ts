/** What a crash leaves of a recorded sequence of batches: images of every prefix, and what the next open makes of them. */
import type { MemoryLevel } from 'memory-level'
import { expect } from 'vitest'
import { forksOf } from '../../src/snapshot/mount.ts'
import { memoryDatabase, openBare } from '../bare-volume.ts'
import { fingerprint } from '../model/fingerprint.ts'
import type { BatchRecord } from '../store/simulated-database.ts'

export type Image = MemoryLevel<Buffer, Buffer>

interface Recorded {
  readonly batches: readonly BatchRecord[]
}

async function apply(image: Image, { rows }: BatchRecord): Promise<void> {
  await image.batch(
    rows.map(({ type, key, value }) =>
      type === 'put'
        ? { type, key: Buffer.from(key), value: Buffer.from(value!) }
        : { type: 'del' as const, key: Buffer.from(key) },
    ),
  )
}

/** One image, grown batch by batch: yields it after each, with the number of the batch from 0. */
export async function* prefixesOf({ batches }: Recorded): AsyncGenerator<{ n: number; image: Image }> {
  const image = memoryDatabase()
  await image.open()
  for (const [n, batch] of batches.entries()) {
    await apply(image, batch)
    yield { n, image }
  }
}

/** All batches that landed. */
export async function imageOf({ batches }: Recorded): Promise<Image> {
  const image = memoryDatabase()
  await image.open()
  for (const batch of batches) await apply(image, batch)
  return image
}

/**
 * Opens a copy of the image for writing, so that the sequence can go on as it was: jobs and orphans come to their end, those of forks
 * too, nothing is found, and the tree, if one is given, is the same.
 */
export async function finishWork(image: Image, where: string, tree?: string[]): Promise<void> {
  const copy = memoryDatabase()
  for await (const [key, value] of image.iterator()) await copy.put(key, value)
  const volume = await openBare(copy)
  await volume.core.jobs.idle()
  for (const { fork } of await forksOf(volume.core)) await fork.jobs.idle()
  const report = await volume.fsck()
  expect(report.findings, `${where}, reopened`).toEqual([])
  expect(report.counts).toMatchObject({ jobs: 0, orphans: 0 })
  if (tree !== undefined) expect(await fingerprint(volume.fsal), `${where}, reopened`).toEqual(tree)
  await volume.close()
}
