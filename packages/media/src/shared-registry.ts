/**
 * Names of zones in shared memory, so that a JSON spec is enough to find them: in this thread by a map, in worker
 * threads that were started later through Node's environment data.
 */
import { randomUUID } from 'node:crypto'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import { MediumError } from './error.ts'
import { SharedZones } from './shared-zones.ts'
import type { Geometry } from './zone-store.ts'

/** What a thread needs to attach to shared zones; can be posted to a worker. */
export interface SharedHandle {
  readonly id: string
  readonly buffer: SharedArrayBuffer
}

interface Entry {
  readonly handle: SharedHandle
  users: number
  readonly keep: boolean
}

const entries = new Map<string, Entry>()
const keyOf = (name: string) => `vivefs.media.shared.${name}`

/** The zones of one open medium; call `release` once. */
export interface Lease {
  readonly name: string
  readonly id: string
  readonly zones: SharedZones
  readonly handle: SharedHandle
  release(): void
}

function lease(name: string, entry: Entry): Lease {
  entry.users++
  const { handle } = entry
  let released = false
  return {
    name,
    id: handle.id,
    zones: SharedZones.attach(handle.buffer),
    handle,
    release() {
      if (released) return
      released = true
      entry.users--
      if (entry.users === 0 && !entry.keep && entries.get(name) === entry) forgetShared(name)
    },
  }
}

/**
 * The zones called `name`, created when there are none. Without a name: new zones that go with their last close.
 * With one: they stay until {@link forgetShared} if `keep`.
 *
 * MEDIA_WRONG_MEDIUM when the zones of that name have another geometry.
 */
export function leaseShared(
  geometry: Geometry,
  o: { name?: string | undefined; keep: boolean; handle?: SharedHandle | undefined; id?: string | undefined },
): Lease {
  const name = o.name ?? `anonymous-${randomUUID()}`
  let entry = entries.get(name)
  if (entry === undefined) {
    const known = o.handle ?? (getEnvironmentData(keyOf(name)) as SharedHandle | undefined)
    const handle = known ?? { id: o.id ?? randomUUID(), buffer: SharedZones.create(geometry).buffer }
    entry = { handle, users: 0, keep: o.keep && o.name !== undefined }
    entries.set(name, entry)
    if (known === undefined) setEnvironmentData(keyOf(name), handle as never)
  }
  const found = SharedZones.attach(entry.handle.buffer).geometry
  if (found.zoneCount !== geometry.zoneCount || found.zoneBytes !== geometry.zoneBytes) {
    const text = `${found.zoneCount} zones of ${found.zoneBytes} bytes`
    throw new MediumError('MEDIA_WRONG_MEDIUM', `shared zones "${name}" exist with ${text}`)
  }
  return lease(name, entry)
}

/** Drops the zones of a name: whoever has them open keeps them, nobody finds them any more. */
export function forgetShared(name: string): void {
  entries.delete(name)
  setEnvironmentData(keyOf(name), undefined as never)
}
