/** Removes a folder we made, whatever modes we gave to what is in it. */

import { chmod, lstat, readdir, rmdir, unlink } from 'node:fs/promises'
import { sep } from 'node:path'

const SEPARATOR = Buffer.from(sep)

/**
 * Removes `path` and everything below it without following symbolic links.
 *
 * Only for what lies in a folder that no other user can enter, reached by its descriptor: paths are
 * looked up again and again.
 */
export async function removeTree(path: string | Buffer): Promise<void> {
  const stat = await lstat(path)
  if (!stat.isDirectory()) return unlink(path)
  // A folder without permissions cannot be emptied by its own owner.
  await chmod(path, 0o700)
  for (const name of await readdir(path, { encoding: 'buffer' })) {
    await removeTree(Buffer.concat([Buffer.from(path), SEPARATOR, name]))
  }
  await rmdir(path)
}
