/** What the database says of itself; a new object each time, since abstract-level adds to it. */
export function MANIFEST(): object {
  return {
    encodings: { buffer: true, utf8: true, view: true },
    has: true,
    getSync: true,
    createIfMissing: true,
    errorIfExists: true,
    implicitSnapshots: true,
    explicitSnapshots: true,
    permanence: true,
    seek: true,
    signals: { iterators: true },
    additionalMethods: {
      approximateSize: true,
      batchSync: true,
      checkpoint: true,
      compactRange: true,
      delSync: true,
      deleteRange: true,
      dropSnapshot: true,
      flush: true,
      iteratorSync: true,
      keepSnapshot: true,
      keptSnapshots: true,
      merge: true,
      openSnapshot: true,
      putSync: true,
      refresh: true,
      stats: true,
      syncLog: true,
    },
  }
}
