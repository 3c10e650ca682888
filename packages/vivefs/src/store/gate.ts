/**
 * Starvation: a transaction that was overtaken again and again gets the right of way. While the gate is up, other
 * asynchronous commits wait in front of it; synchronous ones cannot wait and pass.
 */
import type { Acknowledgement } from './commit-queue.ts'

/** A starving transaction's right of way, known by its own `Acknowledgement`. */
export interface Gate {
  readonly owner: Acknowledgement
  readonly opened: Promise<void>
  open(): void
}

export function makeGate(owner: Acknowledgement): Gate {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { owner, opened, open }
}
