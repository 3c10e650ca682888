/** What goes through a port. A request is answered by a reply of the same number; a view is told once. */
import type { MessagePort, Worker } from 'node:worker_threads'
import type { Credentials } from '../core/mode.ts'

/** A port, or the worker at its other end. */
export type Port = MessagePort | Worker

/** Who asks: undefined is the volume's own identity. */
export type ViewOf =
  | (Partial<Credentials> & {
      readonly cwd?: string
      /** The number of an open snapshot or fork. */
      readonly tree?: number
    })
  | undefined

export interface Request {
  readonly id: number
  readonly view: ViewOf
  /**
   * `promises` and `callback`: the function of that name of that face. `read` fills no buffer of the asker: it answers
   * bytes. `dir`: `read` or `close` of an open directory. `volume`: `space`, `sync`, `close`. `lock`: as `callback`, and it may be
   * cancelled. `lease`: `lease`, `downgrade` or `release` of a lease with a number of the asker's. `tree`: snapshots and forks (trees.ts). `cancel`: ends the wait of the request of the same number and has no reply of its own.
   */
  readonly kind: 'promises' | 'callback' | 'read' | 'dir' | 'volume' | 'lock' | 'lease' | 'tree' | 'cancel'
  readonly name: string
  readonly args: unknown
}

export interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: unknown
}
