/**
 * Changes a few bytes of a large file, all of them or none, without writing the others.
 *
 * What lies within one page is one write: the kernel copies a page before it looks whether the
 * process was killed, and disks write the block as one. Anything else goes through a journal, see
 * `pending-change.ts`.
 */

import { type FileHandle, open, realpath, unlink } from 'node:fs/promises'
import { type Patch, trimPatches } from '../bytes/patch.ts'
import type { Source } from '../bytes/source.ts'
import type { Change } from '../formats/change-journal.ts'
import { encodeChangeJournal } from '../formats/change-journal.ts'
import { toFileError } from './errno.ts'
import { openFileSource } from './file-source.ts'
import { createOutput } from './output.ts'
import { journalPath, readJournal } from './pending-change.ts'

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
 * @returns how many bytes of the file were written
 * @throws FileError DENIED, NO_SPACE, IO. The file is then as it was, or its journal says how it
 *   shall be.
 */
export async function replaceBytes(path: string, replacement: Replacement): Promise<number> {
  const real = await realpath(path).catch((error) => {
    throw toFileError(error, { path, verb: 'write' })
  })
  const file = await openFileSource(real)
  try {
    const patches = await trimPatches(file, replacement.patches)
    const { size } = replacement
    if (patches.length === 0 && size === file.size) return 0
    const handle = await openForWriting(real)
    try {
      if (size === file.size && isInOnePage(patches)) await write(handle, patches, real)
      else await writeWithJournal(real, handle, file, { patches, size })
    } finally {
      await handle.close()
    }
    return patches.reduce((sum, { bytes }) => sum + bytes.length, 0)
  } finally {
    await file.close()
  }
}

/**
 * Finishes what an interrupted {@link replaceBytes} has decided.
 *
 * @returns whether there was something to finish
 */
export async function finishReplacement(path: string): Promise<boolean> {
  const real = await realpath(path).catch((error) => {
    throw toFileError(error, { path, verb: 'read' })
  })
  const file = await openFileSource(real)
  try {
    const journal = await readJournal(real, file)
    if (!journal) return false
    const handle = await openForWriting(real)
    try {
      await carryOut(real, handle, { patches: journal.changes, size: journal.newSize })
    } finally {
      await handle.close()
    }
    return true
  } finally {
    await file.close()
  }
}

function isInOnePage(patches: readonly Patch[]): boolean {
  const [patch, ...others] = patches
  if (!patch || others.length > 0) return false
  const last = patch.offset + patch.bytes.length - 1
  return Math.floor(patch.offset / PAGE) === Math.floor(last / PAGE)
}

async function writeWithJournal(
  path: string,
  handle: FileHandle,
  file: Source,
  { patches, size }: Replacement,
): Promise<void> {
  const changes: Change[] = []
  for (const { offset, bytes } of patches) {
    const there = Math.max(0, Math.min(bytes.length, file.size - offset))
    changes.push({ offset, bytes, old: await file.read(offset, there) })
  }
  // A journal that is there already belongs to another file of this name, or it would be finished.
  const journal = await createOutput(journalPath(path), { force: true, mode: 0o600 })
  try {
    const bytes = encodeChangeJournal({ oldSize: file.size, newSize: size, changes })
    await journal.write(bytes, 0)
    await journal.commit()
  } catch (error) {
    await journal.abort()
    throw error
  }
  await carryOut(path, handle, { patches, size })
}

async function carryOut(path: string, handle: FileHandle, change: Replacement): Promise<void> {
  try {
    const { size } = await handle.stat()
    if (size !== change.size) await handle.truncate(change.size)
    await write(handle, change.patches, path)
    await unlink(journalPath(path))
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}

/** One after the other, each durable before the next. */
async function write(handle: FileHandle, patches: readonly Patch[], path: string): Promise<void> {
  try {
    for (const { offset, bytes } of patches) {
      for (let done = 0; done < bytes.length; ) {
        const rest = bytes.length - done
        done += (await handle.write(bytes, done, rest, offset + done)).bytesWritten
      }
      await handle.datasync()
    }
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}

async function openForWriting(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}
