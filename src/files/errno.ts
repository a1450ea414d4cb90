/** What the operating system says when a file cannot be used, in our words. */

import { FileError, type FileErrorCode } from '../errors.ts'

export interface FileAction {
  /** The file as the user named it. */
  readonly path: string
  readonly verb: 'read' | 'write'
  /** Further facts for the message, such as how many bytes were wanted. */
  readonly detail?: string | undefined
}

/** The short name of a system error (`ENOENT`), or undefined where `error` is not one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Whether link(2) failed because the file system has no hard links, as FAT. */
export function isWithoutLinks(error: unknown): boolean {
  const errnos = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']
  return errnos.includes(errnoOf(error) ?? '')
}

/** `error` as a {@link FileError}; what is not a system error comes back as it is. */
export function toFileError(error: unknown, action: FileAction): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const { path, verb, detail } = action
  const [code, fact, hint] = explain(errno, verb)
  const message = `cannot ${verb} ${path}: ${fact}${detail ? `, ${detail}` : ''}`
  return new FileError(code, message, { hint, cause: error })
}

type Explanation = readonly [code: FileErrorCode, fact: string, hint?: string]

function explain(errno: string, verb: FileAction['verb']): Explanation {
  switch (errno) {
    case 'ENOENT':
      return verb === 'read'
        ? ['NOT_FOUND', 'no such file']
        : ['NOT_FOUND', 'its directory does not exist', 'make the directory first']
    case 'ENOTDIR':
      return ['NOT_FOUND', 'a part of the path is not a directory']
    case 'EISDIR':
      return ['NOT_A_FILE', 'it is a directory']
    case 'EACCES':
    case 'EPERM':
      return ['DENIED', 'permission denied']
    case 'EROFS':
      return ['DENIED', 'the file system is read-only']
    case 'EEXIST':
      return ['EXISTS', 'it exists already', '--force replaces it']
    case 'ENOSPC':
      return ['NO_SPACE', 'no space left on the device']
    case 'EDQUOT':
      return ['NO_SPACE', 'the disk quota is used up']
    case 'EFBIG':
      return ['NO_SPACE', 'the file system or a limit does not allow a file of this size']
    case 'ENAMETOOLONG':
      return ['IO', 'the name is too long']
    case 'ELOOP':
      return ['IO', 'too many symbolic links']
    case 'EIO':
      return ['IO', 'the device reports an error']
    default:
      return ['IO', errno]
  }
}
