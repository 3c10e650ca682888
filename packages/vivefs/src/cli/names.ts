/** Paths as bytes. */
export { nsOf } from '../transfer/host.ts'

/** The names of a path; `.` and empty ones are left out. */
export const splitPathBytes = (path: Buffer): Buffer[] =>
  path
    .toString('latin1')
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .map((name) => Buffer.from(name, 'latin1'))

/** The last name of a path as text, `/` for the root. */
export const lastName = (path: string): string => splitPathBytes(Buffer.from(path)).at(-1)?.toString('utf8') ?? '/'
