/** writeFile and appendFile of the promise face: data may also be an iterable or a stream. */
import { type Op, pending } from '../op.ts'
import { assertNotAborted, bytesOfView } from './arguments.ts'
import type { Face } from './context.ts'
import { Description } from './descriptors.ts'
import { toData, toWholeWrite, type WholeWrite, writeOpen, writeWhole } from './files.ts'
import { openDescription } from './opening.ts'

type Chunks = AsyncIterable<unknown> | Iterable<unknown>

const isChunks = (data: unknown): data is Chunks =>
  typeof data === 'object' &&
  data !== null &&
  !ArrayBuffer.isView(data) &&
  (Symbol.asyncIterator in data || Symbol.iterator in data)

const writingBy =
  (flag: string) =>
  (face: Face, file: unknown, data: unknown, options?: unknown): Op<void> => {
    const how = toWholeWrite(file, options, flag)
    if (isChunks(data)) return writeChunks(face, how, data)
    return writeWhole(face, how, toData(data, how.encoding))
  }

export const writeAny = writingBy('w')
export const appendAny = writingBy('a')

function* writeChunks(face: Face, how: WholeWrite, chunks: Chunks): Op<void> {
  const { target } = how
  assertNotAborted(how.signal)
  if (target instanceof Description) return yield* pour(face, target, how, chunks)
  const description = yield* openDescription(face, target, how.flags, how.mode)
  try {
    yield* pour(face, description, how, chunks)
  } finally {
    yield* face.descriptors.close(description)
  }
}

/** A piece of an iterable: whatever makes a Buffer. */
const toChunk = (value: unknown, encoding: BufferEncoding): Uint8Array =>
  ArrayBuffer.isView(value) ? bytesOfView(value) : Buffer.from(value as string, encoding)

function* pour(face: Face, of: Description, how: WholeWrite, chunks: Chunks): Op<void> {
  const isAsync = Symbol.asyncIterator in chunks
  const iterator = isAsync ? chunks[Symbol.asyncIterator]() : (chunks as Iterable<unknown>)[Symbol.iterator]()
  let isDone = false
  try {
    for (;;) {
      assertNotAborted(how.signal)
      const step = yield* pending(Promise.resolve(iterator.next()))
      if (step.done) {
        isDone = true
        break
      }
      yield* writeOpen(face, of, toChunk(step.value, how.encoding), { signal: how.signal, flush: false })
    }
    if (how.flush) yield* face.core.store.barrier()
  } finally {
    if (!isDone) yield Promise.resolve(iterator.return?.())
  }
}
