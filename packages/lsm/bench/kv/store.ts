/** What the workloads ask of a database: the same for every peer, answered in the peer's own best way. */
export interface Pair {
  readonly key: Buffer
  readonly value: Buffer
}

export interface Store {
  /** One atomic batch, handed to the operating system when it returns. */
  batch(pairs: readonly Pair[]): Promise<void> | void
  put(key: Buffer, value: Buffer): Promise<void> | void
  /** Survives power loss when it returns. Undefined: the peer has no such thing. */
  readonly putSynced: ((key: Buffer, value: Buffer) => Promise<void> | void) | undefined
  get(key: Buffer): Promise<Buffer | undefined> | Buffer | undefined
  getSync(key: Buffer): Buffer | undefined
  /** Reads everything in order; returns the entries. */
  scan(): Promise<number>
  /** A fresh position at or after the key, and the entry there. */
  seek(key: Buffer): Promise<Buffer | undefined>
  /** Waits until what was overwritten is given back, where the peer does that by itself or on demand. */
  settle?(): Promise<void>
  close(): Promise<void>
}

export interface Peer {
  readonly name: string
  /** What is installed on demand for it: a package and its version. */
  readonly installs?: readonly [name: string, version: string]
  open(path: string, load: (name: string) => unknown): Promise<Store>
}
