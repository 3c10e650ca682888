import type { OpenOptions } from 'vivefs'
import type { MountOptions } from '../mount-options.ts'
import type { SessionCounts } from '../session.ts'

/** What a worker is started with. */
export type WorkerRole =
  | { readonly role: 'reader'; readonly device: number }
  | {
      readonly role: 'server'
      readonly where: string
      readonly volume: OpenOptions
      /** Served in the place of the volume. */
      readonly snapshot?: string
      readonly options: MountOptions
      readonly pace: SharedArrayBuffer
    }

export type ToServer =
  | { readonly kind: 'serve'; readonly device: number }
  | { readonly kind: 'counts' }
  | { readonly kind: 'close' }

export type FromServer =
  | { readonly kind: 'open' }
  | { readonly kind: 'counts'; readonly counts: SessionCounts }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
