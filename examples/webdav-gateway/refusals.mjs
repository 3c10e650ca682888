/** Errors of the filesystem as errors of the WebDAV library, which knows their status codes. */
import {
  ForbiddenError,
  InsufficientStorageError,
  MethodNotSupportedError,
  RequestURITooLongError,
  ResourceExistsError,
  ResourceNotFoundError,
} from 'nephele'

const BY_CODE = {
  EACCES: ForbiddenError,
  EPERM: ForbiddenError,
  EROFS: ForbiddenError,
  ELOOP: ForbiddenError,
  ENOENT: ResourceNotFoundError,
  ENOTDIR: ResourceNotFoundError,
  EEXIST: ResourceExistsError,
  EISDIR: MethodNotSupportedError,
  ENOTEMPTY: ForbiddenError,
  ENAMETOOLONG: RequestURITooLongError,
  ENOSPC: InsufficientStorageError,
  EDQUOT: InsufficientStorageError,
}

/** The promise's value; a refusal of the filesystem becomes WebDAV's. */
export async function refused(promise) {
  try {
    return await promise
  } catch (error) {
    const Known = BY_CODE[error.code]
    throw Known === undefined ? error : new Known(error.message)
  }
}
