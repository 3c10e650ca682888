/** What a damaged row means to a caller. */
import { FilesystemError, ViveError } from '../errors.ts'
import type { RowFault } from '../format/row.ts'

/** EIO, with what is damaged attached as ERR_VIVEFS_CORRUPTION. */
export function corruption(what: string, fault: RowFault | 'missing' | 'reference'): FilesystemError {
  return new FilesystemError('EIO', { cause: new ViveError('ERR_VIVEFS_CORRUPTION', `${what}: ${fault}`, { fault }) })
}
