/**
 * `vive.transaction`: many operations of the node:fs face as one, all or nothing (docs/transactions.md).
 *
 * I1: what the body sees is the volume as of one instant with the body's own changes on top; if that instant cannot be
 *     had any more when the body is done, the body runs again.
 * I2: nobody outside sees any of its changes before all of them, and after a crash all of them are there or none.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Call } from '../core/call.ts'
import type { Core } from '../core/core.ts'
import { type Credentials, superuser } from '../core/mode.ts'
import { ViveError } from '../errors.ts'
import { promisesOf } from '../face/promises.ts'
import { runtimeOnlyPromisesOf } from '../face/runtime-only.ts'
import { syncFaceOf } from '../face/sync.ts'
import type { VivePromises, ViveSync } from '../face/types.ts'
import { type Op, pending, runAsync, runSync } from '../op.ts'
import { traced } from '../trace.ts'
import { Session } from './session.ts'

/** What the body of a transaction works with; of no use once the body is done. */
export interface Transaction {
  /** The volume inside the transaction, shaped like node:fs/promises, without `watch`. */
  readonly fs: VivePromises
  /** 1, and one more each time the body runs again because it was overtaken. */
  readonly attempt: number
}

/** What the body of a synchronous transaction works with. */
export interface SyncTransaction {
  /** The synchronous functions of node:fs. */
  readonly fs: ViveSync
  readonly attempt: number
}

export interface TransactionOptions {
  /** Acknowledged only when it survives power loss. Default: what the volume's durability says. */
  readonly durable?: boolean
  /** The most bytes (rows and their keys) that it may write. Default, and at most, 64 MiB. */
  readonly bytesMax?: number
  /** Who acts. Default: the volume's own identity. */
  readonly credentials?: Credentials
  /** Gives up: nothing is changed, and the promise rejects with its reason. */
  readonly signal?: AbortSignal
}

/** How the body is run on what it is lent: to its end, or until it has to wait. */
type Start<T> = (session: Session, attempt: number) => T | PromiseLike<T>

/** The transaction in whose body the code at hand runs. */
const current = new AsyncLocalStorage<Session>()
let active = 0

function assertOutside(core: Core): void {
  for (let session = current.getStore(); session !== undefined; session = session.outer) {
    if (session.volume !== core || session.isOver) continue
    throw new ViveError(
      'ERR_VIVEFS_TRANSACTION_NESTED',
      'inside a transaction the volume is changed through the transaction: use what its body was given',
    )
  }
}

/** A change from outside that a body waits for could wait for that body's end. */
function guard(core: Core): void {
  active++
  core.guards++
  core.guard ??= (who) => {
    if (who !== superuser) assertOutside(core)
  }
}

function unguard(core: Core): void {
  if (--core.guards === 0) core.guard = undefined
  // While it is enabled every promise of the process is slower (Node below 24).
  if (--active === 0) current.disable()
}

function* run<T>(core: Core, start: Start<T>, options: TransactionOptions & { credentials: Credentials }): Op<T> {
  const { credentials: who, durable, bytesMax = Number.POSITIVE_INFINITY } = options
  assertOutside(core)
  const transact = { reclaims: false, ...(durable === undefined ? {} : { durable }) }
  let attempt = 0
  let wantsBarrier = false
  const outer = current.getStore()
  const body = (call: Call): Op<T> => {
    const session = new Session(call, who, bytesMax, outer)
    return runBody(session, start, ++attempt, () => {
      wantsBarrier = session.wantsBarrier
      transact.reclaims = session.reclaims
    })
  }
  guard(core)
  try {
    const result = yield* core.run(who, body, transact)
    if (wantsBarrier) yield* core.store.barrier()
    return result
  } finally {
    unguard(core)
  }
}

function* runBody<T>(session: Session, start: Start<T>, attempt: number, done: () => void): Op<T> {
  try {
    const outcome = current.run(session, start, session, attempt)
    const result = isThenable(outcome) ? yield* pending(outcome) : outcome
    yield* session.finish()
    done()
    return result
  } finally {
    session.end()
  }
}

const isThenable = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof (value as PromiseLike<T> | undefined)?.then === 'function'

const noWatch = (): never => {
  throw new ViveError('ERR_VIVEFS_UNSUPPORTED', 'nothing can be watched inside a transaction: watch the volume')
}

/** See `ViveFS.transaction`. */
export function transaction<T>(
  core: Core,
  body: (tx: Transaction) => Promise<T> | T,
  options: TransactionOptions & { credentials: Credentials },
): Promise<T> {
  const { signal } = options
  const start: Start<T> = async (session, attempt) => {
    signal?.throwIfAborted()
    const { face } = session
    const fs = Object.assign(promisesOf(face), runtimeOnlyPromisesOf(face), { watch: noWatch })
    const work = Promise.resolve(body({ fs, attempt }))
    return await (signal === undefined ? work : orAborted(work, signal))
  }
  return runAsync(traced(run(core, start, options), core, options.credentials, 'volume', 'transaction', []))
}

/** See `ViveFS.transactionSync`. */
export function transactionSync<T>(
  core: Core,
  body: (tx: SyncTransaction) => T,
  options: Omit<TransactionOptions, 'signal'> & { credentials: Credentials },
): T {
  const start: Start<T> = (session, attempt) => {
    const result = body({ fs: syncFaceOf(session.face), attempt })
    if (!isThenable(result)) return result
    // Whatever it was going to do is refused, and nobody else waits for it.
    void Promise.resolve(result).catch(() => {})
    throw new ViveError('ERR_VIVEFS_OPTION', 'the body of a synchronous transaction answers a promise')
  }
  const op = traced(run(core, start, options), core, options.credentials, 'volume', 'transactionSync', [])
  return runSync(op, 'a transaction')
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  // The body goes on when the signal comes first; what becomes of it then concerns nobody.
  work.catch(() => {})
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
