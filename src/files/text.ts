/** Small files read whole: keys, certificates, os-release, manifests, passphrases. */

import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, stat } from 'node:fs/promises'
import { decodeUtf8 } from '../bytes/utf8.ts'
import { FileError } from '../errors.ts'
import { closeRead } from './close-read.ts'
import { toFileError } from './errno.ts'
import { openStream, readStream } from './stream.ts'

const FIRST_SIZE = 64 * 1024

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
    handle = await openStream(path)
    return await readToEnd(handle, path, maximum)
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  } finally {
    await closeRead(handle)
  }
}

/**
 * The text of the file at `path`, which must be UTF-8. A byte order mark at its start is dropped.
 *
 * @throws FileError NOT_TEXT, and what {@link readSmallFile} throws.
 */
export async function readText(path: string, options: SmallFileOptions = {}): Promise<string> {
  return decodeText(await readSmallFile(path, options), path)
}

function decodeText(bytes: Uint8Array, path: string): string {
  const text = decodeUtf8(bytes)
  if (text === undefined) throw new FileError('NOT_TEXT', `${path} is not UTF-8 text`)
  return text.replace(/^\ufeff/, '')
}

export interface RegularFileOptions extends SmallFileOptions {
  /** Refuse a symbolic link. Default: what it leads to is read. */
  readonly noFollow?: boolean | undefined
  /** Looks at owner, mode and size of what was opened, before it is read. */
  readonly look?: ((found: Stats, fd: number) => void) | undefined
}

/** Neither waits for a writer of a fifo nor makes a terminal ours. */
const AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/**
 * The bytes of a regular file that the user need not have named: a neighbour of another, or one in
 * a folder that is searched. Whatever else is there is refused without waiting for it.
 *
 * @throws FileError NOT_A_FILE for everything but a regular file, NOT_FOUND, DENIED, TOO_LARGE, IO;
 *   and what `look` throws.
 */
export async function readRegularFile(
  path: string,
  options: RegularFileOptions = {},
): Promise<Uint8Array> {
  const { maximum = 1024 * 1024, noFollow = false, look } = options
  let handle: FileHandle | undefined
  try {
    // Looked at before it is opened, because opening alone does something to some devices.
    assertRegular(await (noFollow ? lstat : stat)(path), path)
    handle = await open(path, AT_ONCE | (noFollow ? (constants.O_NOFOLLOW ?? 0) : 0))
    const found = await handle.stat()
    assertRegular(found, path)
    look?.(found, handle.fd)
    return await readToEnd(handle, path, maximum)
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  } finally {
    await closeRead(handle)
  }
}

/** The text of a regular file, as {@link readRegularFile} and {@link readText}. @throws FileError */
export async function readRegularText(
  path: string,
  options: RegularFileOptions = {},
): Promise<string> {
  return decodeText(await readRegularFile(path, options), path)
}

function assertRegular(found: Stats, path: string): void {
  if (found.isFile()) return
  const kind = found.isDirectory()
    ? 'a directory'
    : found.isSymbolicLink()
      ? 'a symbolic link'
      : 'not a regular file'
  throw new FileError('NOT_A_FILE', `${path} is ${kind}`)
}

/** A terminal and a slow pipe give a few bytes at a time: they take no more memory than others. */
async function readToEnd(handle: FileHandle, path: string, maximum: number): Promise<Uint8Array> {
  // One byte more than is allowed tells a file that fits from one that does not.
  const most = maximum + 1
  let buffer = new Uint8Array(Math.min(FIRST_SIZE, most))
  let size = 0
  for (;;) {
    const bytesRead = await readStream(handle, buffer.subarray(size), path, size === 0)
    if (bytesRead === 0) return buffer.slice(0, size)
    size += bytesRead
    if (size > maximum) {
      throw new FileError(
        'TOO_LARGE',
        `${path} has more than ${maximum} bytes, too many to be right`,
      )
    }
    if (size < buffer.length) continue
    const larger = new Uint8Array(Math.min(most, 2 * size))
    larger.set(buffer)
    buffer = larger
  }
}
