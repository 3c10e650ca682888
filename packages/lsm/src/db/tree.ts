import { BlobFiles } from '../blob/blob-files.ts'
import { BlockCache } from '../cache/block-cache.ts'
import { TableCache } from '../cache/table-cache.ts'
import type { Op } from '../op.ts'
import type { VolumeStorage } from '../storage/volume-storage.ts'
import type { RandomReader } from '../table/random-reader.ts'
import type { VersionSet } from '../version/version-set.ts'

/** Open tables; each costs a file handle of the medium only while it is read, and its filter and index in the budget. */
const TABLES_MAX = 4096

/** What readers and writers of one database share. */
export interface Tree {
  readonly storage: VolumeStorage
  readonly versions: VersionSet
  readonly cache: BlockCache
  readonly tables: TableCache
  /** Values that lie apart from their keys. */
  readonly blobs: BlobFiles
}

export function treeOf(storage: VolumeStorage, versions: VersionSet, cacheBytes: number): Tree {
  const cache = new BlockCache(cacheBytes)
  const open = function* (number: number): Op<{ file: RandomReader }> {
    return { file: yield* storage.open('table', number) }
  }
  return { storage, versions, cache, tables: new TableCache(open, cache, TABLES_MAX), blobs: new BlobFiles(storage) }
}
