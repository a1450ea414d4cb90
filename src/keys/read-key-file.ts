/** Reading small files that hold keys: bounded, and pipes are welcome (`--private-key <(…)`). */

import { allocateSecret, copySecret } from '../bytes/secret.ts'
import { FileError, KeyError } from '../errors.ts'
import { errnoOf } from '../files/errno.ts'
import { openStream, readStream } from '../files/stream.ts'

/** Far more than any key, certificate bundle or passphrase needs. */
const MAX_SIZE = 1024 * 1024

export interface KeyFile {
  /** The caller's to overwrite. */
  readonly bytes: Uint8Array
  /** Whether users other than the owner may read it. */
  readonly readableByOthers: boolean
}

/**
 * Reads a whole file.
 *
 * @param what what the file should be, for errors: `private key`
 * @throws KeyError NOT_FOUND, UNREADABLE
 */
export async function readKeyFile(path: string, what: string): Promise<KeyFile> {
  try {
    const handle = await openStream(path)
    try {
      const { mode } = await handle.stat()
      const buffer = allocateSecret(MAX_SIZE + 1)
      let size = 0
      try {
        while (size < buffer.length) {
          const room = buffer.subarray(size, size + 65536)
          const bytesRead = await readStream(handle, room, path, size === 0)
          if (bytesRead === 0) break
          size += bytesRead
        }
        if (size > MAX_SIZE) {
          throw new KeyError('UNREADABLE', `${what} ${path} is larger than ${MAX_SIZE} bytes`)
        }
        const bytes = copySecret(buffer.subarray(0, size))
        return { bytes, readableByOthers: isReadableByOthers(mode) }
      } finally {
        buffer.fill(0, 0, size)
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw explain(error, path, what)
  }
}

/** Windows reports 0666 for every file and guards it by other means. */
function isReadableByOthers(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o170000) === 0o100000 && (mode & 0o044) !== 0
}

function explain(error: unknown, path: string, what: string): unknown {
  if (error instanceof FileError) {
    return new KeyError('UNREADABLE', `cannot read ${what}: ${error.message}`, { cause: error })
  }
  const errno = errnoOf(error)
  if (errno === undefined) return error
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    return new KeyError('NOT_FOUND', `${what} ${path} does not exist`, { cause: error })
  }
  const fact = { EACCES: 'permission denied', EISDIR: 'it is a directory' }[errno] ?? errno
  return new KeyError('UNREADABLE', `cannot read ${what} ${path}: ${fact}`, { cause: error })
}
