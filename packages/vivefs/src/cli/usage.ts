/** A command line that makes no sense: exit code 2. */
export class UsageError extends Error {
  readonly code = 'USAGE'
}
