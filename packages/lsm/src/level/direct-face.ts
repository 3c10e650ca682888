import { AbstractFace, type LsmLevelOptions } from './abstract-face.ts'
import type { Encoding, EncodingHost } from './operations.ts'

/** What single operations without options need to know, once the database is open. */
interface Defaults {
  readonly host: EncodingHost
  readonly keys: Encoding
  readonly values: Encoding
  readonly formats: { readonly keyEncoding: string; readonly valueEncoding: string }
}

const DONE: Promise<void> = Promise.resolve()
const NO_OPTIONS = {}

/**
 * `get`, `put` and `del` without options, in an open database that nobody listens to: what abstract-level does for them, without its
 * asynchronous functions and copies of options, which cost more than the operation. Everything else goes its way.
 */
export class DirectFace<K = string, V = string> extends AbstractFace<K, V> {
  #defaults: Defaults | undefined

  /** @param location see `LsmLevel` */
  constructor(location: string, options?: LsmLevelOptions<K, V> | undefined) {
    super(location, options)
  }

  get #open(): Defaults | undefined {
    if (this.status !== 'open') return undefined
    this.#defaults ??= defaultsOf(this as unknown as EncodingHost)
    return this.#defaults
  }

  /** Writes are nobody's business but the engine's. */
  protected get unobserved(): boolean {
    return (this.hooks.prewrite as unknown as { noop: boolean }).noop && this.listenerCount('write') === 0
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of the base, with its own types of options
  override get(key: K, options?: any): Promise<any> {
    const open = options === undefined ? this.#open : undefined
    if (open === undefined) return super.get(key, options)
    try {
      const { host, keys, values, formats } = open
      host._assertValidKey(key)
      const found = this._get(host.prefixKey(keys.encode(key), keys.format, true), formats)
      if (found instanceof Promise) return found.then((value) => this.#decoded(key, values, value))
      return Promise.resolve(found === undefined ? found : values.decode(found))
    } catch {
      return super.get(key) // which says what is wrong, in its own way
    }
  }

  #decoded(key: K, values: Encoding, value: unknown): unknown {
    try {
      return value === undefined ? value : values.decode(value)
    } catch {
      return super.get(key)
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of the base, with its own types of options
  override put(key: K, value: V, options?: any): Promise<void> {
    const open = options === undefined && this.unobserved ? this.#open : undefined
    if (open === undefined) return super.put(key, value, options)
    try {
      const { host, keys, values } = open
      host._assertValidKey(key)
      host._assertValidValue(value)
      const encodedKey = host.prefixKey(keys.encode(key), keys.format, true)
      return (this._put(encodedKey, values.encode(value), NO_OPTIONS) as Promise<void> | undefined) ?? DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of the base, with its own types of options
  override del(key: K, options?: any): Promise<void> {
    const open = options === undefined && this.unobserved ? this.#open : undefined
    if (open === undefined) return super.del(key, options)
    try {
      const { host, keys } = open
      host._assertValidKey(key)
      return (
        (this._del(host.prefixKey(keys.encode(key), keys.format, true), NO_OPTIONS) as Promise<void> | undefined) ??
        DONE
      )
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

function defaultsOf(host: EncodingHost): Defaults {
  const keys = host.keyEncoding()
  const values = host.valueEncoding()
  return { host, keys, values, formats: { keyEncoding: keys.format, valueEncoding: values.format } }
}
