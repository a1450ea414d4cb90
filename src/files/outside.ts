/** Keeping what we write out of what we read. */

import type { BigIntStats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FileError } from '../errors.ts'

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

async function identify(path: string): Promise<BigIntStats | undefined> {
  return stat(path, { bigint: true }).catch(() => undefined)
}
