import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { AppendFile } from '../append-file.ts'
import { runAsync } from '../op.ts'
import type { Volume } from '../volume.ts'

/**
 * What a volume must hold after a crash, kept in plain memory: the bytes appended to every file with the ends of their records, how far each was
 * acknowledged as durable, and every state the file table went through since the last one that was.
 */

interface OracleFile {
  bytes: Buffer[]
  size: number
  /** Sizes at which a record ends, ascending, from 0. */
  ends: number[]
  synced: number
}

/** Names of files, and of snapshots with the files and sizes they hold. */
interface OracleTable {
  names: ReadonlyMap<string, number>
  snapshots: ReadonlyMap<string, ReadonlyMap<string, { id: number; size: number }>>
}

/** A file as a recovered volume shows it. */
export interface RecoveredFile {
  readonly id: number
  readonly size: number
  readonly sealed: boolean
  /** SHA-1 of its bytes, hexadecimal. */
  readonly digest: string
}

/** All that a recovered volume shows: files by name, and the files that snapshots hold. */
export interface Recovered {
  readonly files: ReadonlyMap<string, RecoveredFile>
  readonly snapshots: ReadonlyMap<string, ReadonlyMap<string, RecoveredFile>>
}

const digestOf = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex')

async function readFile(file: AppendFile, size: number): Promise<RecoveredFile> {
  const into = Buffer.alloc(size)
  const got = await runAsync(file.read(0, into))
  assert.equal(got, size, `bytes read of file ${file.id}`)
  return { id: file.id, size, sealed: file.sealed, digest: digestOf(into) }
}

/** Reads everything that a recovered volume holds. */
export async function readRecovered(volume: Volume): Promise<Recovered> {
  const files = new Map<string, RecoveredFile>()
  for (const { name } of [...volume.list()]) {
    const file = await runAsync(volume.open(name!))
    files.set(name!, await readFile(file, file.size))
  }
  const snapshots = new Map<string, Map<string, RecoveredFile>>()
  for (const snapshot of [...volume.snapshots()]) {
    const held = new Map<string, RecoveredFile>()
    for (const { name, size } of snapshot.files) {
      const file = await runAsync(volume.openSnapshot(snapshot.name, name))
      assert.equal(file.size, size)
      held.set(name, await readFile(file, size))
    }
    snapshots.set(snapshot.name, held)
  }
  return { files, snapshots }
}

/** Stands for the id of a file whose creation was cut off: it was never told. */
export const UNKNOWN_ID = -1

export class Oracle {
  readonly files: Map<number, OracleFile> = new Map()
  /** The last acknowledged state and every one after it, the newest last. */
  #states: OracleTable[] = [{ names: new Map(), snapshots: new Map() }]

  get table(): OracleTable {
    return this.#states[this.#states.length - 1]!
  }

  names(): string[] {
    return [...this.table.names.keys()]
  }

  /** A change of the table that is applied, or may be: it is one of the states that a crash can leave. */
  change(
    make: (
      names: Map<string, number>,
      snapshots: Map<string, ReadonlyMap<string, { id: number; size: number }>>,
    ) => void,
  ): void {
    const names = new Map(this.table.names)
    const snapshots = new Map(this.table.snapshots)
    make(names, snapshots)
    this.#states.push({ names, snapshots })
  }

  /** A change that certainly did not happen is taken back. */
  undo(): void {
    this.#states.pop()
  }

  /** Everything in the table so far was acknowledged as durable. */
  tableDurable(upTo: OracleTable = this.table): void {
    this.#states = this.#states.slice(Math.max(0, this.#states.indexOf(upTo)))
  }

  /** The file's creation is durable: states without it, before it was made, cannot come back. */
  durableSince(id: number): void {
    const since = this.#states.findIndex(({ names }) => [...names.values()].includes(id))
    if (since > 0) this.#states = this.#states.slice(since)
  }

  created(id: number): void {
    assert(!this.files.has(id), `file id ${id} was given out twice (I9)`)
    this.files.set(id, { bytes: [], size: 0, ends: [0], synced: 0 })
  }

  /** Counts an append, acknowledged or only attempted. */
  appended(id: number, bytes: Buffer): void {
    const file = this.files.get(id)!
    file.bytes.push(bytes)
    file.size += bytes.length
    file.ends.push(file.size)
  }

  synced(id: number, size: number): void {
    const file = this.files.get(id)!
    file.synced = Math.max(file.synced, size)
  }

  content(id: number): Buffer {
    const file = this.files.get(id)!
    const all = Buffer.concat(file.bytes)
    file.bytes = [all]
    return all
  }

  /** Whether the names of a running volume are those of the newest state. */
  isLive(volume: Volume): boolean {
    const names = new Map([...volume.list()].map((info) => [info.name!, info.id]))
    const snapshots = [...volume.snapshots()].map(({ name }) => name).sort()
    const want = [sorted(this.table.names), [...this.table.snapshots.keys()].sort()]
    return JSON.stringify([sorted(names), snapshots]) === JSON.stringify(want)
  }

  /** Compares a running volume with what it must hold. */
  async checkLive(volume: Volume): Promise<void> {
    const names = new Map([...volume.list()].map((info) => [info.name!, info.id]))
    assert.deepEqual(sorted(names), sorted(this.table.names), 'names of files')
    for (const [name, id] of names) {
      const file = await runAsync(volume.open(name))
      assert.equal(file.size, this.files.get(id)!.size, `size of ${name}`)
      await this.#checkBytes(file, file.size)
    }
  }

  /** Compares a recovered volume: a state since the last durable one; each file a prefix that ends with a record and holds what was synced. */
  async checkRecovered(volume: Volume): Promise<void> {
    this.judge(await readRecovered(volume))
  }

  /** {@link Oracle.checkRecovered}, of what was read from the volume before. */
  judge({ files, snapshots }: Recovered): void {
    const known = new Map([...files].map(([name, { id }]) => [name, this.files.has(id) ? id : UNKNOWN_ID] as const))
    const seen = JSON.stringify([sorted(known), sortedSnapshots(snapshots)])
    const allowed = this.#states.map((state) => JSON.stringify([sorted(state.names), sortedSnapshots(state.snapshots)]))
    assert(allowed.includes(seen), `the table ${seen} is none of\n${allowed.join('\n')}`)
    for (const [name, file] of files) {
      const truth = this.files.get(file.id) ?? { synced: 0, ends: [0] }
      assert(file.sealed, `${name} is sealed after recovery (I6)`)
      assert(file.size >= truth.synced, `${name} has ${file.size} bytes, ${truth.synced} were synced (I5)`)
      assert(truth.ends.includes(file.size), `${name} ends at ${file.size}, inside a record (I4)`)
      this.#judgeBytes(file)
    }
    for (const held of snapshots.values()) for (const file of held.values()) this.#judgeBytes(file)
  }

  #judgeBytes({ id, size, digest }: RecoveredFile): void {
    if (size === 0) return
    assert.equal(digest, digestOf(this.content(id).subarray(0, size)), `the bytes of file ${id} are what was appended`)
  }

  /** Takes a recovered volume, already checked, as the truth to go on from. */
  adopt(volume: Volume): void {
    const names = new Map<string, number>()
    for (const { id, name, size } of volume.list()) {
      names.set(name!, id)
      if (!this.files.has(id)) this.files.set(id, { bytes: [], size: 0, ends: [0], synced: 0 })
      const all = this.content(id)
      const ends = this.files.get(id)!.ends.filter((end) => end <= size)
      this.files.set(id, { bytes: [all.subarray(0, size)], size, ends, synced: size })
    }
    const snapshots = new Map(
      [...volume.snapshots()].map(
        (s) => [s.name, new Map(s.files.map(({ id, name, size }) => [name, { id, size }]))] as const,
      ),
    )
    this.#states = [{ names, snapshots }]
  }

  async #checkBytes(file: AppendFile, size: number): Promise<void> {
    const into = Buffer.alloc(size)
    const got = await runAsync(file.read(0, into))
    assert.equal(got, size, `bytes read of file ${file.id}`)
    if (size === 0) return
    const want = this.content(file.id).subarray(0, size)
    assert(into.equals(want), `the bytes of file ${file.id} are what was appended`)
  }
}

function sorted(names: ReadonlyMap<string, number>): [string, number][] {
  return [...names].sort((a, b) => (a[0] < b[0] ? -1 : 1))
}

function sortedSnapshots(snapshots: OracleTable['snapshots']): [string, [string, number, number][]][] {
  return [...snapshots]
    .map(([name, files]): [string, [string, number, number][]] => [
      name,
      [...files]
        .map(([file, { id, size }]): [string, number, number] => [file, id, size])
        .sort((a, b) => (a[0] < b[0] ? -1 : 1)),
    ])
    .sort((a, b) => (a[0] < b[0] ? -1 : 1))
}
