/** What an entry says of its key. The numbers are on disk: never renumber. */
export const DELETE = 0
export const PUT = 1
/** The value is an operand of the database's merge operator. */
export const MERGE = 2
/** The value is a pointer to a blob (key-value separation). */
export const BLOB = 3
/** The key is the first key deleted, the value the first key after it that is not. */
export const RANGE_DELETE = 4

export type Kind = typeof DELETE | typeof PUT | typeof MERGE | typeof BLOB | typeof RANGE_DELETE

/** Sequence numbers grow by one with every entry written; 0 means "before everything". */
export const SEQUENCE_MAX: number = Number.MAX_SAFE_INTEGER
