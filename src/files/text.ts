/** Small files read whole: keys, certificates, os-release, manifests, passphrases. */

import { type FileHandle, open } from 'node:fs/promises'
import { decodeUtf8 } from '../bytes/utf8.ts'
import { FileError } from '../errors.ts'
import { toFileError } from './errno.ts'
import { readHandle } from './read.ts'

export interface SmallFileOptions {
  /** Most bytes the file may have. Default 1 MiB. */
  readonly maximum?: number
}

/**
 * The bytes of the file, or of the pipe, at `path`.
 *
 * @throws FileError NOT_FOUND, DENIED, NOT_A_FILE, TOO_LARGE, IO
 */
export async function readSmallFile(
  path: string,
  options: SmallFileOptions = {},
): Promise<Uint8Array> {
  const maximum = options.maximum ?? 1024 * 1024
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    if ((await handle.stat()).isDirectory()) {
      throw new FileError('NOT_A_FILE', `${path} is a directory`)
    }
    return await readToEnd(handle, path, maximum)
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  } finally {
    await handle?.close()
  }
}

/**
 * The text of the file at `path`, which must be UTF-8. A byte order mark at its start is dropped.
 *
 * @throws FileError NOT_TEXT, and what {@link readSmallFile} throws.
 */
export async function readText(path: string, options: SmallFileOptions = {}): Promise<string> {
  const text = decodeUtf8(await readSmallFile(path, options))
  if (text === undefined) throw new FileError('NOT_TEXT', `${path} is not UTF-8 text`)
  return text.replace(/^\ufeff/, '')
}

async function readToEnd(handle: FileHandle, path: string, maximum: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for (;;) {
    // One byte more than is allowed tells a file that fits from one that does not.
    const buffer = new Uint8Array(Math.min(64 * 1024, maximum + 1 - size))
    const bytesRead = await readHandle(handle, buffer, null)
    if (bytesRead === 0) return new Uint8Array(Buffer.concat(parts))
    size += bytesRead
    if (size > maximum) {
      throw new FileError(
        'TOO_LARGE',
        `${path} has more than ${maximum} bytes, too many to be right`,
      )
    }
    parts.push(buffer.subarray(0, bytesRead))
  }
}
