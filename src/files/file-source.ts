/** A file or block device of the host as a source of bytes at any offset. */

import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type Patch, patchedSource } from '../bytes/patch.ts'
import type { Source } from '../bytes/source.ts'
import { FileError } from '../errors.ts'
import { closeRead } from './close-read.ts'
import { toFileError } from './errno.ts'
import { type FileStamp, stampOf } from './file-stamp.ts'
import { readHandle } from './read.ts'

export interface FileSource extends Source {
  readonly path: string
  /** Descriptor for reading in other threads; valid until `close`. */
  readonly fd: number
  /** The file as it was when it was opened. */
  readonly stamp: FileStamp
  close(): Promise<void>
}

/** The largest number of bytes a device can have before its end is given up. */
const MAX_DEVICE_SIZE = 2 ** 52
const SECTOR = 512
/** Without O_NONBLOCK, opening a fifo waits for a writer; a terminal would become ours. */
const AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/**
 * Opens `path` for reading. Close it.
 *
 * @param name what messages call it, where that is not its path
 * @throws FileError NOT_FOUND, DENIED, NOT_A_FILE, EMPTY, IO
 */
export async function openFileSource(path: string, name = path): Promise<FileSource> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, AT_ONCE)
    const size = await sizeOf(handle, name)
    if (size === 0) throw new FileError('EMPTY', `${name} is empty`)
    return new HandleSource(path, name, size, handle)
  } catch (error) {
    await closeRead(handle)
    throw toFileError(error, { path: name, verb: 'read' })
  }
}

/** `file` as it is once `patches` have been written. Threads that read its descriptor see the old one. */
export function withPatches(
  file: FileSource,
  patches: readonly Patch[],
  size: number = file.size,
): FileSource {
  const { path, fd, stamp } = file
  return { ...patchedSource(file, patches, size), path, fd, stamp, close: () => file.close() }
}

class HandleSource implements FileSource {
  readonly path: string
  readonly size: number
  readonly stamp: FileStamp
  readonly #name: string
  readonly #handle: FileHandle

  constructor(path: string, name: string, size: number, handle: FileHandle) {
    this.path = path
    this.#name = name
    this.size = size
    this.#handle = handle
    this.stamp = stampOf(handle.fd)
  }

  get fd(): number {
    return this.#handle.fd
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const count = await this.#readSome(bytes, done, offset + done)
      if (count === 0) {
        const message = `${this.#name} ended at byte ${offset + done} while it was read`
        throw new FileError('IO', message, { hint: 'something else writes to it' })
      }
      done += count
    }
    return bytes
  }

  async close(): Promise<void> {
    await closeRead(this.#handle)
  }

  async #readSome(bytes: Uint8Array, start: number, position: number): Promise<number> {
    try {
      return await readHandle(this.#handle, bytes.subarray(start), position)
    } catch (error) {
      const detail = `at byte ${position}`
      throw toFileError(error, { path: this.#name, verb: 'read', detail })
    }
  }
}

async function sizeOf(handle: FileHandle, path: string): Promise<number> {
  const stat = await handle.stat()
  if (stat.isFile()) return stat.size
  if (stat.isBlockDevice()) return findEnd(handle)
  const kind = stat.isDirectory() ? 'a directory' : 'neither a file nor a block device'
  throw new FileError('NOT_A_FILE', `${path} is ${kind}`)
}

/** The size of a block device, which stat does not tell: the first sector that cannot be read. */
async function findEnd(handle: FileHandle): Promise<number> {
  const sector = new Uint8Array(SECTOR)
  const isReadable = async (index: number): Promise<boolean> =>
    (await readHandle(handle, sector, index * SECTOR)) === SECTOR
  let beyond = 1
  while (beyond * SECTOR < MAX_DEVICE_SIZE && (await isReadable(beyond))) beyond *= 2
  let low = 0
  while (low < beyond) {
    const middle = Math.floor((low + beyond) / 2)
    if (await isReadable(middle)) low = middle + 1
    else beyond = middle
  }
  return low * SECTOR
}
