/** A file of the host read from front to back when its turn comes, and open no longer than that. */

import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { FileError } from '../errors.ts'
import { closeRead } from './close-read.ts'
import { toFileError } from './errno.ts'
import { readHandle } from './read.ts'

export interface FileContent {
  readonly path: string
  readonly size: number
  /** The content in pieces, `size` bytes. @throws FileError */
  read(): AsyncGenerator<Uint8Array>
}

const CHUNK_SIZE = 1024 * 1024

/** The file at `path`, which may be empty. @throws FileError NOT_FOUND, DENIED, NOT_A_FILE, IO */
export async function fileContent(path: string): Promise<FileContent> {
  const found = await stat(path).catch((error) => {
    throw toFileError(error, { path, verb: 'read' })
  })
  if (!found.isFile()) throw new FileError('NOT_A_FILE', `${path} is not a file`)
  const { size } = found
  return { path, size, read: () => readPieces(path, size) }
}

async function* readPieces(path: string, size: number): AsyncGenerator<Uint8Array> {
  let handle: FileHandle | undefined
  try {
    // What took the place of the file since it was looked at is not waited for.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    let done = 0
    for (;;) {
      const buffer = new Uint8Array(Math.max(1, Math.min(CHUNK_SIZE, size - done)))
      const bytesRead = await readHandle(handle, buffer, done)
      if (bytesRead === 0) break
      done += bytesRead
      if (done > size) break
      yield buffer.subarray(0, bytesRead)
    }
    if (done !== size) {
      const message = `${path} had ${size} bytes and has others now`
      throw new FileError('IO', message, { hint: 'something else writes to it' })
    }
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  } finally {
    await closeRead(handle)
  }
}
