/** Which place in the file system a path leads to, whether something is there or not. */

import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { errnoOf } from '../files/errno.ts'

/** Folders whose place is remembered. */
const MAX_KNOWN = 1000

/**
 * Two paths give the same text where a file written to the one would replace what is at the other.
 * Links to folders are followed; of a link that comes last the place is its own, as it is what is replaced.
 */
export function placeFinder(): (path: string) => string {
  const known = new Map<string, string>()
  return (path) => {
    const folder = dirname(path)
    let place = known.get(folder)
    if (place === undefined) {
      place = findFolder(folder)
      if (known.size === MAX_KNOWN) known.clear()
      known.set(folder, place)
    }
    return `${place}/${basename(path)}`
  }
}

/** Of a folder that is not there yet only the ones around it can be links. */
function findFolder(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    const parent = dirname(path)
    // What cannot be looked up cannot be written to either, which is said when it is tried.
    if (errnoOf(error) !== 'ENOENT' || parent === path) return resolve(path)
    return join(findFolder(parent), basename(path))
  }
}
