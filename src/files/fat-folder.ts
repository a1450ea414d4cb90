/**
 * A folder of the host as firmware sees it on the FAT file system of an ESP: names are found in any
 * case, keep the case they have, and links are what they lead to.
 */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FileError } from '../errors.ts'
import { allOf } from './all-of.ts'
import { errnoOf, toFileError } from './errno.ts'

export interface FatEntry {
  readonly name: string
  /** On the host. */
  readonly path: string
}

/** What FAT cannot have in a name, nor at its end. */
const FORBIDDEN = /[\p{Cc}"*/:<>?\\|]|[. ]$/u

/**
 * The files in a folder, named from `root` on by `names`; undefined where there is no such folder.
 *
 * @throws FileError BAD_NAME where two names are one to FAT, and what the system refuses.
 */
export async function listFatFiles(
  root: string,
  names: readonly string[],
): Promise<readonly FatEntry[] | undefined> {
  const folder = await findFatPath(root, names)
  const found = folder === undefined ? undefined : await listFolder(folder)
  if (found === undefined) return undefined
  const files = await allOf(found.map(async (entry) => isFile(entry.path)))
  return found.filter((_, index) => files[index])
}

/** The path on the host of `names` below `root`, or undefined where there is none. @throws FileError */
export async function findFatPath(
  root: string,
  names: readonly string[],
): Promise<string | undefined> {
  let path = root
  for (const wanted of names) {
    const entries = path === root ? await list(path) : await listFolder(path)
    const found = entries?.find(({ name }) => fold(name) === fold(wanted))
    if (found === undefined) return undefined
    path = found.path
  }
  return path
}

/** Whether FAT can hold a file of this name. */
export function isFatName(name: string): boolean {
  return !FORBIDDEN.test(name)
}

/** What is in a folder; undefined where it is a file. */
async function listFolder(path: string): Promise<readonly FatEntry[] | undefined> {
  return list(path).catch((error) => {
    if (error instanceof FileError && error.code === 'NOT_FOUND') return undefined
    throw error
  })
}

async function list(folder: string): Promise<readonly FatEntry[]> {
  const names = await readdir(folder).catch((error) => {
    throw toFileError(error, { path: folder, verb: 'read' })
  })
  const folded = new Map<string, string>()
  for (const name of names.sort()) {
    const other = folded.get(fold(name))
    if (other !== undefined) {
      throw new FileError('BAD_NAME', `${folder} has ${other} and ${name}: on FAT they are one`, {
        hint: 'leave the one that is on the ESP',
      })
    }
    folded.set(fold(name), name)
  }
  return names.map((name) => ({ name, path: join(folder, name) }))
}

/** What is there but is no file, a link to nothing too, is passed over. */
async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw toFileError(error, { path, verb: 'read' })
  }
}

/** Letters beyond ASCII are left alone: systemd takes no such files, and firmware disagrees. */
function fold(name: string): string {
  return name.replace(/[a-z]/g, (letter) => letter.toUpperCase())
}
