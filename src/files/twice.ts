/**
 * Content of any size that is read twice, and is the same both times: first to judge it, then to act
 * on it. What cannot be read again is kept in a file without a name.
 */

import type { FileHandle } from 'node:fs/promises'
import { equalBytes } from '../bytes/equal.ts'
import { sha256 } from '../crypto/sha256.ts'
import { FileError } from '../errors.ts'
import { closeRead } from './close-read.ts'
import { toFileError } from './errno.ts'
import { type NamelessFiles, openNameless } from './nameless.ts'
import { readHandle } from './read.ts'
import { openStream, streamContent } from './stream.ts'

const BLOCK = 64 * 1024

/** Bytes of a pipe that are kept: room for more than ten million lines of a manifest. */
const MAXIMUM_KEPT = 4 * 1024 ** 3

/** Content that can be read from its beginning more than once. */
export interface Repeatable {
  /**
   * The content in blocks, valid until the next is asked for.
   *
   * @throws FileError IO where it is not what it was the first time: no changed byte is handed out.
   */
  blocks(): AsyncIterable<Uint8Array>
}

export interface RepeatableFile extends Repeatable {
  close(): Promise<void>
}

/** Opens a file, or reads a pipe to its end. @throws FileError NOT_FOUND, NOT_A_FILE, DENIED, IO */
export async function openRepeatable(path: string): Promise<RepeatableFile> {
  let handle: FileHandle | undefined
  try {
    handle = await openStream(path)
    if ((await handle.stat()).isFile()) return repeatable(handle, path)
    const kept = await keepStream(streamContent(handle, path), path)
    await closeRead(handle)
    return kept
  } catch (error) {
    await closeRead(handle)
    throw toFileError(error, { path, verb: 'read' })
  }
}

/**
 * Keeps what comes out of a pipe.
 *
 * @param name for errors
 * @param maximum bytes that are kept
 * @throws FileError TOO_LARGE, NO_SPACE, IO, after which nothing is kept
 */
export async function keepStream(
  stream: AsyncIterable<Uint8Array>,
  name: string,
  maximum = MAXIMUM_KEPT,
): Promise<RepeatableFile> {
  let files: NamelessFiles | undefined
  try {
    files = await openNameless(1)
    const [handle] = files.handles as [FileHandle] // as many as asked for
    let size = 0
    for await (const bytes of stream) {
      size += bytes.length
      if (size > maximum) throw tooLarge(name, size, maximum)
      await handle.appendFile(bytes)
    }
    return { ...repeatable(handle, name), close: files.close }
  } catch (error) {
    await files?.close()
    throw toFileError(error, { path: `a copy of ${name}`, verb: 'write' })
  }
}

function repeatable(handle: FileHandle, path: string): RepeatableFile {
  /** Of each block, 32 bytes for 64 KiB. */
  const digests: Uint8Array[] = []
  let isKnown = false
  return {
    async *blocks() {
      if (!isKnown) digests.length = 0
      const buffer = new Uint8Array(BLOCK)
      for (let index = 0; ; index++) {
        const block = buffer.subarray(0, await fill(handle, buffer, index * BLOCK, path))
        const digest = sha256(block)
        if (!isKnown) digests.push(digest)
        else if (!isSame(digest, digests[index])) throw changed(path)
        if (block.length > 0) yield block
        if (block.length < BLOCK) break
      }
      isKnown = true
    },
    close: () => closeRead(handle),
  }
}

function isSame(digest: Uint8Array, earlier: Uint8Array | undefined): boolean {
  return earlier !== undefined && equalBytes(digest, earlier)
}

async function fill(handle: FileHandle, buffer: Uint8Array, position: number, path: string) {
  let size = 0
  try {
    while (size < buffer.length) {
      const bytesRead = await readHandle(handle, buffer.subarray(size), position + size)
      if (bytesRead === 0) break
      size += bytesRead
    }
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  }
  return size
}

function tooLarge(name: string, size: number, maximum: number): FileError {
  const message = `${name} has ${size} bytes or more, expected at most ${maximum} from a pipe`
  return new FileError('TOO_LARGE', message, { hint: 'write it to a file and name that' })
}

function changed(path: string): FileError {
  return new FileError('IO', `${path} was changed while it was read`)
}
