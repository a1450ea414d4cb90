/**
 * Files that take the place of files that are there, with their permissions, owner and group.
 *
 * Node cannot read access control lists and extended attributes: these are not kept. Other names of the
 * old file (hard links) keep the old content.
 */

import { lstatSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { allOf } from './all-of.ts'
import { toFileError } from './errno.ts'
import { assertUnchanged, type FileStamp, stampOf } from './file-stamp.ts'
import type { LockedFile } from './lock.ts'
import { createOutput, type Output } from './output.ts'
import { readRegularFile, type SmallFileOptions } from './text.ts'

/** A small file that was read in order to be replaced. */
export interface ExaminedFile {
  readonly bytes: Uint8Array
  /**
   * Puts a file of these bytes in its place, whole or not at all.
   *
   * @throws FileError IO where it is not the one any more that was read, DENIED where its owner
   *   cannot be kept, LOCKED, NO_SPACE.
   */
  replace(bytes: Uint8Array): Promise<void>
}

/** Reads a file whose lock is held. @throws FileError as {@link readRegularFile} */
export async function readForReplacing(
  file: LockedFile,
  options: SmallFileOptions = {},
): Promise<ExaminedFile> {
  let stamp: FileStamp | undefined
  const look = (_: unknown, fd: number) => {
    stamp = stampOf(fd)
  }
  const bytes = await readRegularFile(file.path, { ...options, noFollow: true, look })
  return {
    bytes,
    async replace(replacement) {
      const output = await createReplacement(file, stamp!) // it has been looked at
      try {
        await output.write(replacement, 0)
        await output.commit()
      } finally {
        await output.abort()
      }
    },
  }
}

/**
 * Starts the file that takes the place of one that was read and whose lock is held.
 *
 * @throws FileError as {@link ExaminedFile.replace}, some of it from `commit`.
 */
export async function createReplacement(file: LockedFile, examined: FileStamp): Promise<Output> {
  const { path, name } = file
  const assertSame = async () => {
    await file.assertHeld()
    assertUnchanged(path, examined, name)
  }
  await assertSame()
  const { mode, uid, gid } = statOf(path)
  return createOutput(path, {
    force: true,
    mode: mode & 0o777,
    owner: { uid, gid },
    beforeCommit: assertSame,
  })
}

/** What keeps the old content where a file is replaced, which nothing but a count tells. */
export async function describeOtherNames(path: string): Promise<string | undefined> {
  const others = (await stat(path).catch(() => undefined))?.nlink ?? 1
  if (others <= 1) return undefined
  return others === 2
    ? 'another name of it, a hard link, keeps the old content'
    : `${others - 1} other names of it, hard links, keep the old content`
}

/** Whether two paths lead to one file. */
export async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await allOf(
    [one, other].map((path) => stat(path, { bigint: true }).catch(() => undefined)),
  )
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
}

function statOf(path: string) {
  try {
    return lstatSync(path)
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}
