/** Keeping what we write out of what we read, and inside of where it may be. */

import type { BigIntStats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, relative, sep } from 'node:path'
import { FileError } from '../errors.ts'
import { allOf } from './all-of.ts'
import { toFileError } from './errno.ts'

/**
 * Refuses an output below the folder `tree`: a second build would pack the first one's image.
 *
 * Folders are compared by device and inode, so that links, bind mounts and file systems that
 * ignore case hide nothing. What does not exist yet is nobody's inside.
 *
 * @throws FileError INSIDE_TREE
 */
export async function assertOutside(tree: string, output: string): Promise<void> {
  const top = await identify(tree)
  let folder = await realpath(dirname(output)).catch(() => undefined)
  while (top && folder) {
    const found = await identify(folder)
    if (found && found.dev === top.dev && found.ino === top.ino) {
      throw new FileError('INSIDE_TREE', `${output} would be written into the tree ${tree}`, {
        hint: 'name an output outside of it with --output',
      })
    }
    const parent = dirname(folder)
    folder = parent === folder ? undefined : parent
  }
}

/**
 * Refuses a file that is not below the folder `root` once every symbolic link on the way is followed.
 *
 * @returns the path of the file without links
 * @throws FileError OUTSIDE_ROOT, NOT_FOUND, IO
 */
export async function assertInside(root: string, path: string): Promise<string> {
  const [top, real] = await allOf([findReal(root), findReal(path)])
  const way = relative(top, real)
  if (way !== '' && way.split(sep)[0] !== '..' && !isAbsolute(way)) return real
  throw new FileError('OUTSIDE_ROOT', `${path} leads out of ${root}, to ${real}`, {
    hint: 'a symbolic link is in the way; name the folder the file is in with --root',
  })
}

async function findReal(path: string): Promise<string> {
  return realpath(path).catch((error) => {
    throw toFileError(error, { path, verb: 'read' })
  })
}

async function identify(path: string): Promise<BigIntStats | undefined> {
  return stat(path, { bigint: true }).catch(() => undefined)
}
