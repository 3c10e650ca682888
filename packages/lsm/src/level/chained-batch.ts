import { AbstractChainedBatch } from 'abstract-level'
import type { BatchEncoder } from '../batch/batch-encoder.ts'
import { addEncoded, type EncodedOperation } from './operations.ts'

/** Fills a batch, and waits until it is written. */
export type Commit = (fill: (batch: BatchEncoder) => void, sync: boolean) => unknown

/** Collects encoded operations; they are written as one batch. */
// biome-ignore lint/suspicious/noExplicitAny: the private face of abstract-level works on encoded data of any format
export class ChainedBatch extends AbstractChainedBatch<any, any, any> {
  readonly #commit: Commit
  #operations: EncodedOperation[] = []

  constructor(level: object, commit: Commit) {
    // Its type does not know the second argument: operations arrive in `_add`.
    super(...([level, { add: true }] as unknown as [never]))
    this.#commit = commit
  }

  _add(operation: EncodedOperation): void {
    this.#operations.push(operation)
  }

  _clear(): void {
    this.#operations = []
  }

  async _write(options: { readonly sync?: boolean }): Promise<void> {
    const operations = this.#operations
    await this.#commit((batch) => addEncoded(batch, operations), options.sync === true)
  }
}
