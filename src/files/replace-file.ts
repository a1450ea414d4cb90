/**
 * A file in the place of another, with everything that is not its content: a symbolic link still
 * leads to it, and it has the permissions, the owner and the group of the old one.
 *
 * The owner is kept where the system permits it (root; others keep groups they are in). Node cannot
 * read access control lists and extended attributes: these are not kept. Further names of the old
 * file (hard links) keep the old content.
 */

import { realpath, stat } from 'node:fs/promises'
import { FileError } from '../errors.ts'
import { toFileError } from './errno.ts'
import { createOutput, type Output } from './output.ts'

/** Replaces the file behind `path` by `bytes`, whole or not at all. @throws FileError */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const output = await createReplacement(path)
  try {
    await output.write(bytes, 0)
    await output.commit()
  } finally {
    await output.abort()
  }
}

/**
 * Starts a file that takes the place of the one behind `path`.
 *
 * @throws FileError NOT_FOUND, NOT_A_FILE for what is not a regular file, DENIED, NO_SPACE, IO
 */
export async function createReplacement(path: string): Promise<Output> {
  const { target, mode, uid, gid } = await findTarget(path)
  return createOutput(target, { force: true, mode, owner: { uid, gid } })
}

/** Whether two paths lead to one file. */
export async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all(
    [one, other].map((path) => stat(path, { bigint: true }).catch(() => undefined)),
  )
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
}

async function findTarget(path: string) {
  try {
    const target = await realpath(path)
    const found = await stat(target)
    if (!found.isFile()) throw new FileError('NOT_A_FILE', `${path} is not a regular file`)
    const { mode, uid, gid } = found
    return { target, mode: mode & 0o7777, uid, gid }
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}
