/** Reads what a scan of the tree has found, and notices when it is no longer the same. */

import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { FileError, TreeError } from '../../errors.ts'
import { errnoOf, toFileError } from '../../files/errno.ts'
import { readAt, readvAt } from '../../files/read.ts'
import type { Content, FileContent } from '../../tree/model.ts'

// Windows knows neither flag. A fifo put in place of a file must not block, a link not be followed.
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/**
 * Fills `target` with the bytes of `content` from `start` on.
 *
 * @throws TreeError CHANGED where the file is not the one that was scanned, UNREADABLE where it
 *   cannot be read.
 */
export function readContent(content: Content, start: number, target: Uint8Array): void {
  if (content.kind === 'bytes') {
    target.set(content.bytes.subarray(start, start + target.length))
    return
  }
  try {
    const { path } = content
    const file = openSync(typeof path === 'string' ? path : Buffer.from(path), OPEN_FLAGS)
    try {
      fill(file, content, start, target)
      assertUnchanged(file, content)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw explain(content, error)
  }
}

/** What is thrown where `content` is not what it was before. */
export function contentChanged(content: Content): TreeError {
  const name = content.kind === 'file' ? pathText(content) : 'a content'
  return new TreeError('CHANGED', `${name} changed while it was read`, {
    hint: 'build from a folder nobody writes to',
  })
}

function fill(file: number, content: FileContent, start: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const count = readAt(file, target.subarray(done), start + done)
    if (count === 0) throw contentChanged(content)
    done += count
  }
}

function assertUnchanged(file: number, content: FileContent): void {
  const found = fstatSync(file, { bigint: true })
  const { device, inode, mtimeNs, ctimeNs } = content.identity
  const same =
    found.dev === device &&
    found.ino === inode &&
    found.mtimeNs === mtimeNs &&
    found.ctimeNs === ctimeNs &&
    found.size === BigInt(content.size)
  if (!same) throw contentChanged(content)
}

/** What the system says of a file that was there when the tree was scanned. */
function explain(content: FileContent, error: unknown): unknown {
  const code = errnoOf(error)
  if (code === undefined) return error
  if (['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENXIO', 'ESPIPE', 'ESTALE'].includes(code)) {
    return contentChanged(content)
  }
  return new TreeError('UNREADABLE', `${pathText(content)} cannot be read (${code})`, {
    cause: error,
    ...(code === 'EACCES' && { hint: 'give the building user read access to every file' }),
  })
}

function pathText({ path }: FileContent): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString()
}

/** A file that stays open, and its name for errors. */
interface OpenFile {
  readonly file: number
  readonly path: string
}

/** Fills `blocks`, all of one size, with what an open file has from `start` on. @throws FileError IO */
export function readBlocks(
  { file, path }: OpenFile,
  start: number,
  blocks: readonly Uint8Array[],
): void {
  try {
    const done = readvAt(file, blocks, start)
    let at = start
    // Rarely anything is left: a read ends early at the end of the file, or at a signal.
    for (const block of blocks) {
      if (at + block.length > start + done) readRange({ file, path }, at, block)
      at += block.length
    }
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  }
}

/** Fills `target` with the bytes of an open file from `start` on. @throws FileError IO */
function readRange({ file, path }: OpenFile, start: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const count = readAt(file, target.subarray(done), start + done)
    if (count === 0) {
      const message = `${path} ended at byte ${start + done} while it was read`
      throw new FileError('IO', message, { hint: 'something else writes to it' })
    }
    done += count
  }
}
