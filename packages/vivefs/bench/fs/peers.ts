/** The filesystems of the table, ours first. */
import nodeFs, { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { createFsFromVolume, Volume } from 'memfs'
import { LsmLevel } from '../../../../packages/lsm/src/index.ts'
import { loadModule } from '../../../../tools/bench/install.ts'
import type { PeerName } from '../../../../tools/bench/rounds.ts'
import { ViveFS } from '../../src/index.ts'
import { type AgentFs, agentFiles } from './agentfs.ts'

export type Files = typeof nodeFs
/** What the workloads call of a FileHandle. */
export interface Handle {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<unknown>
  write(buffer: Buffer, offset: number, length: number, position: number | null): Promise<unknown>
  sync(): Promise<unknown>
  close(): Promise<unknown>
}
/** What the workloads call of fs.promises. */
export interface PromisedFiles {
  mkdir(path: string): Promise<unknown>
  writeFile(path: string, data: Buffer): Promise<unknown>
  readFile(path: string): Promise<Uint8Array | string>
  stat(path: string): Promise<{ readonly size: number }>
  readdir(path: string, options: { withFileTypes: true }): Promise<readonly unknown[]>
  unlink(path: string): Promise<unknown>
  open(path: string, flags: string): Promise<Handle>
}

/** A peer, open. */
export interface Opened {
  /** Undefined where there is no synchronous face. */
  readonly fs: Files | undefined
  readonly promises: PromisedFiles
  /** An empty directory of it. */
  readonly root: string
  /** Waits for what was left for later. */
  settle(): Promise<unknown>
  close(): Promise<unknown>
}

export interface Peer extends PeerName {
  /** `folder`: a fresh folder of the host, where the peer lies if it lies on a disk. */
  open(folder: string): Promise<Opened>
  /** The same kind in memory, for the rows that say so; undefined where that is no difference. */
  openInMemory?(): Promise<Opened>
}

const nothing = async (): Promise<void> => {}

const onHost = (folder: string): Opened => ({
  fs: nodeFs,
  promises: nodeFs.promises,
  root: folder,
  settle: nothing,
  close: nothing,
})

async function openVolume(where: Parameters<typeof ViveFS.open>[0]): Promise<Opened> {
  const vive = await ViveFS.open(where)
  const fs = vive.fs as unknown as Files
  fs.mkdirSync('/bench')
  const promises = fs.promises as unknown as PromisedFiles
  return { fs, promises, root: '/bench', settle: () => vive.settle(), close: () => vive.close() }
}

async function openMemoryLsm(): Promise<Opened> {
  const database = new LsmLevel('memory:', { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const opened = await openVolume(database)
  return {
    ...opened,
    close: async () => {
      await opened.close()
      await database.close()
    },
  }
}

export const TMPFS = '/dev/shm'

function tmpfsMissing(): string | undefined {
  try {
    accessSync(TMPFS, constants.W_OK)
    return undefined
  } catch {
    return `there is no ${TMPFS} to write to`
  }
}

interface ZenFs {
  readonly InMemory: unknown
  readonly fs: Files
  configureSingle(options: { backend: unknown }): Promise<void>
}

export const PEERS: readonly Peer[] = [
  { name: 'vivefs', open: (folder) => openVolume(`lsm:${join(folder, 'volume')}`), openInMemory: openMemoryLsm },
  { name: 'ext4', open: async (folder) => onHost(folder) },
  { name: 'tmpfs', missing: tmpfsMissing(), open: async (folder) => onHost(folder) },
  {
    name: 'memfs',
    open: async () => {
      const fs = createFsFromVolume(new Volume()) as unknown as Files
      fs.mkdirSync('/bench')
      return { ...onHost('/bench'), fs, promises: fs.promises }
    },
  },
  {
    name: 'zenfs',
    installs: ['@zenfs/core', '2.7.6'],
    open: async () => {
      const { configureSingle, InMemory, fs } = (await loadModule('@zenfs/core')) as ZenFs
      await configureSingle({ backend: InMemory })
      fs.mkdirSync('/bench')
      return { ...onHost('/bench'), fs, promises: fs.promises }
    },
  },
  {
    name: 'agentfs',
    installs: ['agentfs-sdk', '0.6.4'],
    open: async (folder) => {
      const { AgentFS } = (await loadModule('agentfs-sdk')) as {
        AgentFS: { open(options: { path: string }): Promise<{ fs: AgentFs; close(): Promise<void> }> }
      }
      const agent = await AgentFS.open({ path: join(folder, 'agent.db') })
      await agent.fs.mkdir('/bench')
      return {
        fs: undefined,
        promises: agentFiles(agent.fs),
        root: '/bench',
        settle: nothing,
        close: () => agent.close(),
      }
    },
  },
]
