/** Fills a database until its worker has done something, or was done without; says which: node program LOCATION. */
import { LsmLevel } from '../../src/index.ts'

async function main(): Promise<void> {
  const level = new LsmLevel(process.argv[2]!, { memtableBytes: 262_144, level0Trigger: 2 })
  for (let i = 0; i < 3000; i++) await level.put(`k${i}`, `${i}`.padEnd(300, 'x'))
  await level.compactRange()
  const { workerJobs, workerFailure } = level.stats().compaction!
  const keys = (await level.keys().all()).length
  await level.close()
  process.stdout.write(JSON.stringify({ inWorker: workerJobs > 0, failed: workerFailure !== undefined, keys }))
}

void main()
