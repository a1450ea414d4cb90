/**
 * Files that may be pipes: `--passphrase-file <(…)`, a fifo, a terminal.
 *
 * They are opened and read without waiting in the system: a thread that waits there for another
 * program cannot be ended, and keeps the process from ending.
 */

import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { devNull } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { isatty } from 'node:tty'
import { FileError } from '../errors.ts'
import { closeRead } from './close-read.ts'
import { errnoOf } from './errno.ts'
import { readHandle } from './read.ts'

const AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

const PIECE = 64 * 1024

/** Milliseconds between two looks. */
const PAUSE = 30
/** Milliseconds in which the other end of a fifo has to be opened. */
const PATIENCE = 3000

/**
 * Opens a file or pipe for {@link readStream}. Throws what the system throws.
 *
 * @throws FileError NOT_A_FILE for a directory, and for a device that is no terminal: those end never,
 *   or are larger than any memory
 */
export async function openStream(path: string): Promise<FileHandle> {
  const handle = await open(path, AT_ONCE)
  try {
    const found = await handle.stat()
    if (found.isDirectory()) throw new FileError('NOT_A_FILE', `${path} is a directory`)
    const isDevice = found.isBlockDevice() || (found.isCharacterDevice() && !isEmpty(path, handle))
    if (isDevice) throw new FileError('NOT_A_FILE', `${path} is a device`)
    return handle
  } catch (error) {
    await closeRead(handle)
    throw error
  }
}

/** A terminal, or the null device. */
function isEmpty(path: string, handle: FileHandle): boolean {
  return isatty(handle.fd) || path === devNull
}

/**
 * All that comes, in pieces.
 *
 * @throws FileError IO where no program opens the other end of a fifo
 */
export async function* streamContent(handle: FileHandle, path: string): AsyncGenerator<Uint8Array> {
  for (let isFirst = true; ; isFirst = false) {
    const buffer = new Uint8Array(PIECE)
    const size = await readStream(handle, buffer, path, isFirst)
    if (size === 0) return
    yield buffer.subarray(0, size)
  }
}

/**
 * Reads some of what comes next into `target`, however long that takes; 0 at the end.
 *
 * @param path for errors
 * @param isFirst nothing has been read yet: a fifo that nothing has been written to looks as at its end
 * @throws FileError IO where no program opens the other end of a fifo
 */
export async function readStream(
  handle: FileHandle,
  target: Uint8Array,
  path: string,
  isFirst: boolean,
): Promise<number> {
  let isWaiting = isFirst && (await handle.stat()).isFIFO()
  for (let waited = 0; ; waited += PAUSE) {
    const count = await readSome(handle, target)
    // Only where there is another end, there is nothing yet.
    if (count === undefined) isWaiting = false
    else if (count > 0 || !isWaiting) return count
    else if (waited >= PATIENCE) {
      throw new FileError('IO', `${path} is a pipe into which no program writes`)
    }
    await setTimeout(PAUSE)
  }
}

/** @returns undefined where there is nothing yet */
async function readSome(handle: FileHandle, target: Uint8Array): Promise<number | undefined> {
  try {
    return await readHandle(handle, target, null)
  } catch (error) {
    if (errnoOf(error) !== 'EAGAIN') throw error
    return undefined
  }
}
