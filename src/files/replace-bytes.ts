/**
 * Changes a few bytes of a large file, all of them or none, without writing the others.
 *
 * What lies within one page is one write: the kernel copies a page before it looks whether the
 * process was killed, and disks write the block as one. Anything else is written down first, in a
 * journal beside the file, see docs/formats/change-journal.md.
 */

import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { type Patch, trimPatches } from '../bytes/patch.ts'
import { FileError } from '../errors.ts'
import { type Change, encodeChangeJournal } from '../formats/change-journal.ts'
import { besidePath } from './beside.ts'
import { closeRead } from './close-read.ts'
import { errnoOf, toFileError } from './errno.ts'
import type { FileSource } from './file-source.ts'
import { assertUnchanged } from './file-stamp.ts'
import type { LockedFile } from './lock.ts'
import { createOutput } from './output.ts'

export interface Replacement {
  /** In the order in which others may see them: what makes the rest count comes last. */
  readonly patches: readonly Patch[]
  /** Bytes of the file afterwards; never fewer than before. */
  readonly size: number
}

/** The smallest page and block there is. */
const PAGE = 4096

/**
 * Carries out a replacement.
 *
 * @param examined the file as it was read when the replacement was decided
 * @returns how many bytes of the file were written
 * @throws FileError DENIED, NO_SPACE, IO, LOCKED. The file is then as it was, or its journal says
 *   how it shall be.
 */
export async function replaceBytes(
  file: LockedFile,
  examined: FileSource,
  replacement: Replacement,
): Promise<number> {
  const { size } = replacement
  const patches = await trimPatches(examined, replacement.patches)
  if (patches.length === 0 && size === examined.size) return 0
  await withHandle(file, examined, async (handle) => {
    if (size === examined.size && isOneWrite(patches)) return write(handle, patches, file.name)
    const changes = await findChanges(examined, patches)
    await writeJournal(file, examined.size, size, changes)
    try {
      await carryOut(file, handle, examined, { patches, size })
    } catch (error) {
      const isBack = await takeBack(file, handle, examined.size, changes).then(
        () => true,
        () => false,
      )
      throw isBack ? error : sayBegun(error, file)
    }
  })
  return patches.reduce((sum, { bytes }) => sum + bytes.length, 0)
}

/**
 * Carries out what a journal says, and removes it.
 *
 * @param replacement from `findPendingChange` alone, which has examined journal and file
 * @throws FileError as {@link replaceBytes}
 */
export async function finishReplacement(
  file: LockedFile,
  examined: FileSource,
  replacement: Replacement,
): Promise<void> {
  await withHandle(file, examined, (handle) => carryOut(file, handle, examined, replacement)).catch(
    (error: unknown) => {
      throw sayBegun(error, file)
    },
  )
}

/** Removes the journal of a file that needs nothing of it. @throws FileError DENIED, IO */
export async function removeJournal(file: LockedFile): Promise<void> {
  await unlink(besidePath(file.path, 'change')).catch((error) => {
    if (errnoOf(error) !== 'ENOENT') throw toFileError(error, { path: file.name, verb: 'write' })
  })
}

/** The file open for writing, which must be the one that was examined, as it was then. */
async function withHandle(
  file: LockedFile,
  examined: FileSource,
  use: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const { path, name } = file
  // The path has been resolved: a link in its place was put there since.
  const flags = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
  const handle = await open(path, flags).catch((error) => {
    throw toFileError(error, { path: name, verb: 'write' })
  })
  try {
    await file.assertHeld()
    assertUnchanged(handle.fd, examined.stamp, name)
    // The path leads to what is open, also if a folder on the way was a link for a moment.
    assertUnchanged(path, examined.stamp, name)
    await use(handle)
  } finally {
    await closeRead(handle)
  }
}

/** Whether patches are one write, which needs no journal. */
export function isOneWrite(patches: readonly Patch[]): boolean {
  const [patch, ...others] = patches
  if (!patch || others.length > 0) return false
  const last = patch.offset + patch.bytes.length - 1
  return Math.floor(patch.offset / PAGE) === Math.floor(last / PAGE)
}

/** What the patches replace; of what lies behind the end nothing. */
async function findChanges(
  examined: FileSource,
  patches: readonly Patch[],
): Promise<readonly Change[]> {
  const changes: Change[] = []
  for (const { offset, bytes } of patches) {
    const there = Math.max(0, Math.min(bytes.length, examined.size - offset))
    changes.push({ offset, bytes, old: await examined.read(offset, there) })
  }
  return changes
}

async function writeJournal(
  file: LockedFile,
  oldSize: number,
  newSize: number,
  changes: readonly Change[],
): Promise<void> {
  // One that is there already is none of this file, or it would have been finished.
  const journal = await createOutput(besidePath(file.path, 'change'), { force: true, mode: 0o600 })
  try {
    await journal.write(encodeChangeJournal({ oldSize, newSize, changes }), 0)
    await journal.commit()
  } catch (error) {
    await journal.abort()
    throw error
  }
}

async function carryOut(
  file: LockedFile,
  handle: FileHandle,
  examined: FileSource,
  change: Replacement,
): Promise<void> {
  const { name } = file
  try {
    if (examined.size !== change.size) await handle.truncate(change.size)
    await write(handle, change.patches, name)
    await removeJournal(file)
  } catch (error) {
    throw toFileError(error, { path: name, verb: 'write' })
  }
}

/**
 * Takes back what was carried out, the last first: a disk that is full, or a limit, leaves the file as
 * it was. Throws what the system throws; the journal is there until all is done.
 */
async function takeBack(
  file: LockedFile,
  handle: FileHandle,
  size: number,
  changes: readonly Change[],
): Promise<void> {
  const patches = changes.map(({ offset, old }) => ({ offset, bytes: old }))
  await write(handle, patches.toReversed(), file.name)
  await handle.truncate(size)
  await handle.datasync()
  await removeJournal(file)
}

/** The file may have some of the change: what is done about it. */
function sayBegun(error: unknown, file: LockedFile): unknown {
  if (!(error instanceof FileError)) return error
  const { code, message, cause } = error
  const journal = besidePath(file.path, 'change')
  const fact = `${message}; its change is begun, and ${journal} has all of it`
  return new FileError(code, fact, { hint: 'the same command finishes it when run again', cause })
}

/** One after the other, each durable before the next. */
async function write(handle: FileHandle, patches: readonly Patch[], name: string): Promise<void> {
  try {
    for (const { offset, bytes } of patches) {
      for (let done = 0; done < bytes.length; ) {
        const rest = bytes.length - done
        done += (await handle.write(bytes, done, rest, offset + done)).bytesWritten
      }
      await handle.datasync()
    }
  } catch (error) {
    throw toFileError(error, { path: name, verb: 'write' })
  }
}
