/** Whether a file is still the one that was looked at. */

import { fstatSync, statSync } from 'node:fs'
import { FileError } from '../errors.ts'
import { toFileError } from './errno.ts'

/** What tells one state of a file from another, without its bytes. */
export interface FileStamp {
  readonly device: bigint
  readonly inode: bigint
  /** The user it belongs to. */
  readonly owner: number
  /** Undefined for devices, which change without it. */
  readonly size: bigint | undefined
  /** When the content changed last, in nanoseconds; undefined for devices. */
  readonly modified: bigint | undefined
}

/** The stamp of an open file, or of the one behind a path. Throws what the system throws. */
export function stampOf(file: number | string): FileStamp {
  const options = { bigint: true } as const
  const found = typeof file === 'number' ? fstatSync(file, options) : statSync(file, options)
  const { dev, ino, uid, size, mtimeNs } = found
  const isFile = found.isFile()
  return {
    device: dev,
    inode: ino,
    owner: Number(uid),
    size: isFile ? size : undefined,
    modified: isFile ? mtimeNs : undefined,
  }
}

/**
 * Before `file` is written: it is what was looked at before.
 *
 * @throws FileError IO where it is another one, or has other content.
 */
export function assertUnchanged(file: number | string, examined: FileStamp, path: string): void {
  const now = readStamp(file, path)
  const isSame = (['device', 'inode', 'size', 'modified'] as const).every(
    (field) => now[field] === examined[field],
  )
  if (isSame) return
  throw new FileError('IO', `${path} was changed after it had been read; nothing was written`, {
    hint: 'something else writes to it',
  })
}

function readStamp(file: number | string, path: string): FileStamp {
  try {
    return stampOf(file)
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}
