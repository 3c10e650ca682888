/** agentfs-sdk behind the names of fs.promises: it has promises only, handles without a position, and entries with attributes. */
import type { Handle, PromisedFiles } from './peers.ts'

interface AgentHandle {
  pread(offset: number, size: number): Promise<Buffer>
  pwrite(offset: number, data: Buffer): Promise<void>
  fsync(): Promise<void>
}

/** What of it is used. */
export interface AgentFs {
  mkdir(path: string): Promise<void>
  writeFile(path: string, data: Buffer): Promise<void>
  readFile(path: string): Promise<Buffer>
  stat(path: string): Promise<{ readonly size: number }>
  readdirPlus(path: string): Promise<unknown[]>
  unlink(path: string): Promise<void>
  open(path: string): Promise<AgentHandle>
}

class AgentFileHandle implements Handle {
  readonly #handle: AgentHandle
  #end: number

  constructor(handle: AgentHandle, end: number) {
    this.#handle = handle
    this.#end = end
  }

  read(_into: Buffer, _offset: number, length: number, position: number): Promise<Buffer> {
    return this.#handle.pread(position, length)
  }

  async write(buffer: Buffer, offset: number, length: number, position: number | null): Promise<void> {
    await this.#handle.pwrite(position ?? this.#end, buffer.subarray(offset, offset + length))
    if (position === null) this.#end += length
  }

  sync(): Promise<void> {
    return this.#handle.fsync()
  }

  async close(): Promise<void> {}
}

export const agentFiles = (fs: AgentFs): PromisedFiles => ({
  mkdir: (path) => fs.mkdir(path),
  writeFile: (path, data) => fs.writeFile(path, data),
  readFile: (path) => fs.readFile(path),
  stat: (path) => fs.stat(path),
  readdir: (path) => fs.readdirPlus(path),
  unlink: (path) => fs.unlink(path),
  async open(path, flags) {
    if (flags.startsWith('w')) await fs.writeFile(path, Buffer.alloc(0))
    const handle = await fs.open(path)
    return new AgentFileHandle(handle, flags.startsWith('a') ? (await fs.stat(path)).size : 0)
  },
})
