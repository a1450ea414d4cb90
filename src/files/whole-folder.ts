/** A folder of files that appears whole or not at all. */

import { lstat, readdir, rename } from 'node:fs/promises'
import { FileError } from '../errors.ts'
import { errnoOf, toFileError } from './errno.ts'
import { makePartialFolder, removeStalePartials } from './partial.ts'
import { removeTree } from './remove-tree.ts'

/**
 * Has `fill` write into a new folder, which gets the name `path` when it is done.
 *
 * @throws FileError EXISTS where there is something under that name; and what `fill` throws, after
 * which nothing is left.
 */
export async function writeWholeFolder(
  path: string,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found) throw exists(path)
  await removeStalePartials(path, removeTree)
  const folder = await makePartialFolder(path).catch((error) => {
    throw toFileError(error, { path, verb: 'write' })
  })
  try {
    await fill(folder)
    await rename(folder, path).catch((error) => {
      const isTaken = ['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errnoOf(error) ?? '')
      throw isTaken ? exists(path) : toFileError(error, { path, verb: 'write' })
    })
  } catch (error) {
    await removeTree(folder).catch(() => undefined)
    throw error
  }
}

/**
 * Names of the regular files in a folder, in order; hidden ones are left out.
 *
 * @throws FileError where it cannot be read.
 */
export async function listFiles(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => {
    throw toFileError(error, { path, verb: 'read' })
  })
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
  return files.map(({ name }) => name).sort()
}

function exists(path: string): FileError {
  return new FileError('EXISTS', `${path} exists`, { hint: 'name a new folder' })
}
