import { readFileSync } from 'node:fs'

interface Known {
  readonly groups: readonly number[]
  readonly untilMs: number
}

const NONE: readonly number[] = []

/**
 * The supplementary groups of whoever asks. The kernel's requests do not carry them; /proc/PID/status tells, and is remembered for a
 * short time. A process that is gone has none.
 */
export class SupplementaryGroups {
  readonly #known = new Map<number, Known>()
  readonly #trustMs: number
  readonly #processesMax: number

  constructor(o: { trustMs?: number; processesMax?: number } = {}) {
    this.#trustMs = o.trustMs ?? 500
    this.#processesMax = o.processesMax ?? 1024
  }

  of(pid: number): readonly number[] {
    // Requests of the kernel itself, and of processes in another pid namespace.
    if (pid === 0) return NONE
    const now = performance.now()
    const known = this.#known.get(pid)
    if (known !== undefined && known.untilMs > now) return known.groups
    if (this.#known.size >= this.#processesMax) this.#known.clear()
    const groups = groupsOf(pid)
    this.#known.set(pid, { groups, untilMs: now + this.#trustMs })
    return groups
  }
}

function groupsOf(pid: number): readonly number[] {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1')
  } catch {
    return NONE
  }
  const line = /^Groups:\t(.*)$/m.exec(status)?.[1] ?? ''
  return line.split(' ').filter(Boolean).map(Number)
}
