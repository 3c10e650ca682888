/** Hands that reach into the files of a closed database in a directory. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openDirectory } from '@vivefs/media'
import { crc32, type FileInfo, maskCrc, runAsync, Volume } from '@vivefs/pfaof'

async function withVolume<T>(location: string, readOnly: boolean, work: (volume: Volume) => Promise<T>): Promise<T> {
  const main = openDirectory({ path: location, readOnly })
  try {
    const volume = await Volume.open({ media: { main }, readOnly })
    try {
      return await work(volume)
    } finally {
      await volume.close()
    }
  } finally {
    await main.close()
  }
}

const newestOf = (volume: Volume, kind: string): FileInfo | undefined =>
  [...volume.list()]
    .filter(({ name, size }) => name!.startsWith(`${kind}-`) && size > 0)
    .sort((a, b) => Number(a.name!.split('-')[1]) - Number(b.name!.split('-')[1]))
    .at(-1)

/** The newest file of a kind that is not empty. */
export function fileOf(location: string, kind: string): Promise<FileInfo> {
  return withVolume(location, true, async (volume) => {
    const found = newestOf(volume, kind)
    if (found === undefined) throw new Error(`no ${kind}`)
    return found
  })
}

export function namesOf(location: string): Promise<string[]> {
  return withVolume(location, true, async (volume) => [...volume.list()].map(({ name }) => name!).sort())
}

/** Writes a file of a kind anew, with other bytes, as the layers below would: their checksums are sound. Answers with its name. */
export function rewrite(location: string, kind: string, change: (bytes: Buffer) => void): Promise<string> {
  return withVolume(location, false, async (volume) => {
    const { name, size } = newestOf(volume, kind)!
    const bytes = Buffer.alloc(size)
    await runAsync((await runAsync(volume.open(name!))).read(0, bytes))
    change(bytes)
    const file = await runAsync(volume.create({ name: 'new', media: ['main'] }))
    await runAsync(file.append([bytes]))
    await runAsync(file.seal())
    await runAsync(volume.renameReplace('new', name!))
    return name!
  })
}

export function remove(location: string, kind: string): Promise<string> {
  return withVolume(location, false, async (volume) => {
    const { name } = newestOf(volume, kind)!
    await runAsync(volume.delete(name!))
    await runAsync(volume.sync())
    return name!
  })
}

export function create(location: string, names: readonly string[]): Promise<void> {
  return withVolume(location, false, async (volume) => {
    for (const name of names) {
      const file = await runAsync(volume.create({ name, media: ['main'] }))
      await runAsync(file.append([Buffer.from('left by a crash')]))
      await runAsync(file.seal())
    }
  })
}

/** Changes one bit of a file where it lies on the disk; `at` from 0 (its first byte) to 1. Answers with its name. */
export async function flip(location: string, kind: string, at: number): Promise<string> {
  const { name, extents } = await fileOf(location, kind)
  const { zone, start, end } = extents[Math.min(extents.length - 1, Math.floor(at * extents.length))]!
  const fd = openSync(join(location, 'zones', `${String(zone).padStart(8, '0')}.zone`), 'r+')
  try {
    const byte = Buffer.alloc(1)
    const place = start + Math.floor((end - start - 1) * at)
    readSync(fd, byte, 0, 1, place)
    byte[0]! ^= 1 << (place % 8)
    writeSync(fd, byte, 0, 1, place)
  } finally {
    closeSync(fd)
  }
  return name!
}

/** Writes the masked CRC-32 of `bytes[from, at)` at `at`. */
export function seal(bytes: Buffer, from: number, at: number): void {
  bytes.writeUInt32LE(maskCrc(crc32(bytes.subarray(from, at))), at)
}
