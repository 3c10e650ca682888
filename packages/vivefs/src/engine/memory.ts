/** `memory://`: a volume in this process's memory, gone with it. */
import type { Engine } from './engine.ts'

export async function openMemoryEngine(): Promise<Engine> {
  const { MemoryLevel } = await import('memory-level')
  return {
    name: 'memory',
    database: new MemoryLevel<Buffer, Buffer>({
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      storeEncoding: 'buffer',
    }),
    ownsDatabase: true,
    volumeId: undefined,
    release: async () => {},
  }
}
