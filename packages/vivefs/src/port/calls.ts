/** The asker's end of a port: numbered requests, a bounded number of them under way. */
import { FilesystemError, ViveError } from '../errors.ts'
import { abortError } from '../face/arguments.ts'
import { type LeaseNews, type PortLease, PortLeases } from './lease.ts'
import type { Port, Reply, Request, ViewOf } from './messages.ts'
import { pack, type Transfer, unpack } from './values.ts'

/** Requests under way at most; others wait for them. */
const UNDER_WAY_MAX = 256
/** Requests that may wait for long (locks) at most; they hold up no others. Beyond it ENOLCK. */
const LONG_MAX = 4096

interface Emitter {
  on(event: string, listener: (message: never) => void): unknown
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

export class Calls {
  readonly #port: Port
  readonly #waiting = new Map<number, Waiting>()
  readonly #turns: (() => void)[] = []
  readonly #long = new Set<number>()
  readonly #leases = new PortLeases()
  #next = 1
  #end: unknown

  constructor(port: Port) {
    this.#port = port
    const listen = (port as unknown as Emitter).on.bind(port)
    listen('message', (reply: Reply | LeaseNews) => {
      if ('lease' in reply) this.#leases.hear(reply)
      else this.#settle(reply)
    })
    listen('messageerror', (error: Error) => this.end(error))
    // Only what is under way keeps the process alive.
    port.unref()
  }

  async ask(view: ViewOf, kind: Request['kind'], name: string, args: readonly unknown[]): Promise<unknown> {
    while (this.#waiting.size - this.#long.size >= UNDER_WAY_MAX) {
      await new Promise<void>((resolve) => this.#turns.push(resolve))
    }
    return await this.#post(this.#next++, view, kind, name, args)
  }

  /** A request that may wait for somebody else for long; `signal` ends it. */
  async askLong(view: ViewOf, name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    if (this.#long.size >= LONG_MAX) throw new FilesystemError('ENOLCK', { syscall: name })
    if (signal?.aborted) throw abortError(signal)
    const id = this.#next++
    const cancel = (): void => this.#port.postMessage({ id, view, kind: 'cancel', name, args: [] } satisfies Request)
    signal?.addEventListener('abort', cancel, { once: true })
    this.#long.add(id)
    try {
      return await this.#post(id, view, 'lock', name, args)
    } catch (error) {
      throw signal?.aborted && (error as { code?: unknown }).code === 'ABORT_ERR' ? abortError(signal) : error
    } finally {
      this.#long.delete(id)
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** A lease: `args` say of what. Whoever is asked to give way must not have to wait for a turn. */
  async lease(view: ViewOf, args: readonly unknown[]): Promise<PortLease> {
    const askNow = async (name: string, given: readonly unknown[]): Promise<unknown> => {
      const id = this.#next++
      this.#long.add(id)
      try {
        return await this.#post(id, view, 'lease', name, given)
      } finally {
        this.#long.delete(id)
      }
    }
    return await this.#leases.take(
      (number) => askNow('lease', [number, ...args]),
      (name, number) => askNow(name, [number]),
    )
  }

  async #post(
    id: number,
    view: ViewOf,
    kind: Request['kind'],
    name: string,
    args: readonly unknown[],
  ): Promise<unknown> {
    if (this.#end !== undefined) throw this.#end
    const transfer: Transfer = []
    const request: Request = { id, view, kind, name, args: pack(args, transfer) }
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#port.ref()
      try {
        this.#port.postMessage(request, transfer)
      } catch (cause) {
        this.#waiting.delete(id)
        reject(new ViveError('ERR_VIVEFS_OPTION', `${name}: an argument cannot cross a port`, { cause }))
      }
    })
  }

  #settle({ id, value, error }: Reply): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#port.unref()
    this.#turns.shift()?.()
    if (error !== undefined) waiting?.reject(unpack(error))
    else waiting?.resolve(unpack(value))
  }

  /** Nobody answers any more: what is under way and what comes fails with `error`. */
  end(error: unknown): void {
    this.#end ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#end)
    this.#waiting.clear()
    for (const turn of this.#turns.splice(0)) turn()
    this.#leases.end()
  }
}
