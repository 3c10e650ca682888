/**
 * A lock file that names its holder, so that the lock of a dead process is told from a living one.
 *
 *   JSON, UTF-8, one line: {"magic":"vivefs-lock","version":1,"pid":..,"startTime":..,"bootId":..,"host":..,
 *                           "token":..,"crc":..}
 *   startTime: of the process, in clock ticks since boot (Linux /proc/PID/stat field 22), "" where unknown
 *   bootId: /proc/sys/kernel/random/boot_id, "" where unknown; crc: CRC-32 of the JSON without "crc"
 *
 * Taken by hard-linking a finished file to the name, which fails when the name exists, so a lock is never seen half
 * written; where the filesystem has no links, by exclusive creation. A lock is stale when its host is this one and: the
 * boot id differs, or no process has its pid, or that process started at another time. A lock of another host is never
 * stale by itself.
 *
 *   K1  A lock is removed by its living holder, or by who holds `NAME.break-TOKEN`, a lock of the same kind for the
 *       removal of just that one; it looks again, then removes. So a stale lock is removed once and a fresh one never,
 *       and whoever then links first has it: two never believe in one lock.
 *   K2  Who dies while removing leaves a stale claim, which is removed by the same rule, under its own token.
 *   K3  Against a person who removes a living holder's lock by hand: a holder asks `checkHeld` after its flush, before
 *       it answers, and before it changes anything after it may have slept.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, statSync, unlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { crc32 } from './checksum.ts'
import { writeFully } from './durable-file.ts'
import { MediumError } from './error.ts'

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number
  readonly startTime: string
  readonly bootId: string
  readonly host: string
  readonly token: string
}

const MAGIC = 'vivefs-lock'
/** How often a lock is tried that another process is removing, and the longest pause between. */
const ATTEMPTS_MAX = 32
const WAIT_MS_MAX = 20
/** Tokens become parts of file names. */
const TOKEN = /^[0-9a-zA-Z-]{1,64}$/

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Fields of proc(5) stat from the third on; none when there is no such process or the system does not say. */
function processFields(pid: number): string[] {
  const stat = textOf(`/proc/${pid}/stat`)
  // The command in parentheses may hold spaces and parentheses itself: count fields from its end.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** Start of a process in clock ticks since boot; '' when there is none or the system does not say. */
export const processStartTime = (pid: number): string => processFields(pid)[19] ?? ''

/** It has ended with all its threads and only waits for its parent to ask how: it will not write again. */
function processEnded(pid: number): boolean {
  const fields = processFields(pid)
  return (fields[0] === 'Z' || fields[0] === 'X') && Number(fields[17]) <= 1
}

const bootId = (): string => textOf('/proc/sys/kernel/random/boot_id').trim()

function checksumOf(holder: LockHolder): number {
  const { pid, startTime, bootId, host, token } = holder
  return crc32(
    new TextEncoder().encode(JSON.stringify({ magic: MAGIC, version: 1, pid, startTime, bootId, host, token })),
  )
}

/** The bytes of a lock file. */
export function encodeLock(holder: LockHolder): Uint8Array {
  const text = JSON.stringify({ magic: MAGIC, version: 1, ...holder, crc: checksumOf(holder) })
  return new TextEncoder().encode(`${text}\n`)
}

/** The holder that a lock file names; undefined for anything else, however damaged. */
export function decodeLock(text: string): LockHolder | undefined {
  try {
    const lock = JSON.parse(text) as Record<string, unknown>
    const { pid, startTime, bootId, host, token } = lock as unknown as LockHolder
    if (lock.magic !== MAGIC || lock.version !== 1 || !Number.isSafeInteger(pid) || pid <= 0) return undefined
    if ([startTime, bootId, host, token].some((field) => typeof field !== 'string')) return undefined
    if (!TOKEN.test(token)) return undefined
    const holder = { pid, startTime, bootId, host, token }
    return checksumOf(holder) === lock.crc ? holder : undefined
  } catch {
    return undefined
  }
}

function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether the holder of a lock is certainly gone. */
export function lockIsStale(holder: LockHolder): boolean {
  if (holder.host !== hostname()) return false
  const boot = bootId()
  if (holder.bootId !== '' && boot !== '' && holder.bootId !== boot) return true
  if (!processLives(holder.pid) || processEnded(holder.pid)) return true
  const started = processStartTime(holder.pid)
  return holder.startTime !== '' && started !== '' && holder.startTime !== started
}

/** A held lock. */
export interface Lock {
  readonly holder: LockHolder
  /** Whether the file still names this holder: false when somebody broke the lock. */
  held(): boolean
  release(): void
}

/** The bytes are synced, the entry is not: after loss of power any lock is stale, but it must still be readable. */
function createFile(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, 'wx')
  try {
    writeFully(fd, bytes, 0)
    fsyncSync(fd)
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(fd)
  }
}

function tryCreate(path: string, holder: LockHolder): boolean {
  const draft = `${path}.${holder.token}`
  createFile(draft, encodeLock(holder))
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)) throw error
    try {
      createFile(path, encodeLock(holder))
      return true
    } catch (second) {
      if ((second as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw second
    }
  } finally {
    unlinkSync(draft)
  }
}

/** Removes the stale lock at `path` under its claim (K1); false while another process is at it. */
function removeStale(name: string, path: string, stale: LockHolder, holder: LockHolder): boolean {
  const claim = `${name}.break-${stale.token}`
  if (!tryCreate(claim, holder)) {
    const other = decodeLock(textOf(claim))
    if (other === undefined || !lockIsStale(other)) return false
    if (!removeStale(name, claim, other, holder) || !tryCreate(claim, holder)) return false
  }
  try {
    if (decodeLock(textOf(path))?.token === stale.token) unlinkSync(path)
  } finally {
    unlinkSync(claim)
  }
  return true
}

const sleeper = new Int32Array(new SharedArrayBuffer(4))

/**
 * Takes the lock at `path`, removing a stale one. Blocks for up to half a second while another process removes it.
 *
 * Errors: MEDIA_LOCKED naming the holder; MEDIA_FORMAT when the file is not a lock of this format; what the filesystem says,
 * ENOSPC for one, when nobody living has the lock and it cannot be made.
 */
export function takeLock(path: string): Lock {
  const holder: LockHolder = {
    pid: process.pid,
    startTime: processStartTime(process.pid),
    bootId: bootId(),
    host: hostname(),
    token: randomUUID(),
  }
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (attempt > 0) Atomics.wait(sleeper, 0, 0, Math.min(attempt, WAIT_MS_MAX))
    const text = textOf(path)
    if (text === '') {
      if (tryCreate(path, holder)) return heldLock(path, holder)
      continue
    }
    const other = decodeLock(text)
    if (other === undefined) throw new MediumError('MEDIA_FORMAT', `${path} is not a lock file; remove it by hand`)
    if (!lockIsStale(other)) {
      const who = `process ${other.pid} on ${other.host}, started at ${other.startTime || 'unknown'}`
      throw new MediumError('MEDIA_LOCKED', `${path} is held by ${who}`)
    }
    if (removeStale(path, path, other, holder) && tryCreate(path, holder)) return heldLock(path, holder)
  }
  throw new MediumError(
    'MEDIA_LOCKED',
    `${path} is empty or another process is removing it; remove it if nobody uses it`,
  )
}

/** MEDIA_LOCKED when the lock was removed under its holder (K3). */
export function checkHeld(lock: Lock | undefined, path: string): void {
  if (lock === undefined || lock.held()) return
  throw new MediumError('MEDIA_LOCKED', `${path}: the lock was broken, another process has it or had it`)
}

/** Tells one lock file from another without reading it: whoever takes a lock makes a new file. */
function markOf(path: string): string {
  try {
    const { dev, ino, size, ctimeMs, mtimeMs } = statSync(path)
    return `${dev} ${ino} ${size} ${ctimeMs} ${mtimeMs}`
  } catch {
    return ''
  }
}

/** Whether the file at `path` names `token`: read once, and again when it is another file than before. */
function heldBy(path: string, token: string): () => boolean {
  let known = ''
  return () => {
    const mark = markOf(path)
    if (mark !== '' && mark === known) return true
    const isHeld = decodeLock(textOf(path))?.token === token
    known = isHeld ? mark : ''
    return isHeld
  }
}

function heldLock(path: string, holder: LockHolder): Lock {
  const held = heldBy(path, holder.token)
  return {
    holder,
    held,
    release() {
      if (held()) unlinkSync(path)
    },
  }
}

/** Joins a lock that another thread of this process holds under `token`; when nobody does, takes it. */
export function joinLock(path: string, token: string): Lock {
  const holder = decodeLock(textOf(path))
  if (holder === undefined || holder.token !== token || holder.pid !== process.pid) return takeLock(path)
  return { holder, held: heldBy(path, token), release() {} }
}
