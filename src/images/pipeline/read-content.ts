/** Reads what a scan of the tree has found, and notices when it is no longer the same. */

import { closeSync, constants, fstatSync, openSync, readSync, readvSync } from 'node:fs'
import { FileError, TreeError } from '../../errors.ts'
import { toFileError } from '../../files/errno.ts'
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
  const file = openContent(content)
  try {
    fill(file, content, start, target)
    assertUnchanged(file, content)
  } finally {
    closeSync(file)
  }
}

/** Hands the bytes of `content` to `take`, a buffer of `scratch`'s size at a time. */
export function readWhole(
  content: Content,
  scratch: Uint8Array,
  take: (bytes: Uint8Array) => void,
): void {
  if (content.kind === 'bytes') {
    take(content.bytes)
    return
  }
  const file = openContent(content)
  try {
    for (let start = 0; start < content.size; start += scratch.length) {
      const part = scratch.subarray(0, Math.min(scratch.length, content.size - start))
      fill(file, content, start, part)
      take(part)
    }
    assertUnchanged(file, content)
  } finally {
    closeSync(file)
  }
}

function openContent(content: FileContent): number {
  const { path } = content
  try {
    return openSync(typeof path === 'string' ? path : Buffer.from(path), OPEN_FLAGS)
  } catch (error) {
    throw readError(content, error)
  }
}

function fill(file: number, content: FileContent, start: number, target: Uint8Array): void {
  let done = 0
  while (done < target.length) {
    const count = readSome(file, content, target, done, start + done)
    if (count === 0) throw changed(content)
    done += count
  }
}

function readSome(
  file: number,
  content: FileContent,
  target: Uint8Array,
  done: number,
  position: number,
): number {
  try {
    return readSync(file, target, done, target.length - done, position)
  } catch (error) {
    throw readError(content, error)
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
  if (!same) throw changed(content)
}

function changed(content: FileContent): TreeError {
  return new TreeError('CHANGED', `${pathText(content)} changed while it was read`, {
    hint: 'build from a folder nobody writes to',
  })
}

function readError(content: FileContent, error: unknown): TreeError {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (code === 'ENOENT' || code === 'ELOOP') return changed(content)
  return new TreeError('UNREADABLE', `${pathText(content)} cannot be read (${code})`, {
    cause: error,
    ...(code === 'EACCES' && { hint: 'give the building user read access to every file' }),
  })
}

function pathText({ path }: FileContent): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString()
}

/** Fills `target` with the bytes of an open file from `start` on. @throws FileError IO */
function readRange(file: number, start: number, target: Uint8Array): void {
  const path = `descriptor ${file}`
  try {
    for (let done = 0; done < target.length; ) {
      const count = readSync(file, target, done, target.length - done, start + done)
      if (count === 0) throw new FileError('IO', `${path} ends at byte ${start + done}`)
      done += count
    }
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  }
}

/** Fills `blocks`, all of one size, with what an open file has from `start` on. @throws FileError IO */
export function readBlocks(file: number, start: number, blocks: readonly Uint8Array[]): void {
  const done = readv(file, start, blocks)
  let at = start
  // Rarely anything is left: a read ends early at the end of the file, or at a signal.
  for (const block of blocks) {
    if (at + block.length > start + done) readRange(file, at, block)
    at += block.length
  }
}

function readv(file: number, start: number, blocks: readonly Uint8Array[]): number {
  try {
    return readvSync(file, blocks, start)
  } catch (error) {
    throw toFileError(error, { path: `descriptor ${file}`, verb: 'read' })
  }
}
