/** A folder of a few files that appears whole or not at all. */

import type { Stats } from 'node:fs'
import { chmod, lstat, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FileError } from '../errors.ts'
import { errnoOf, toFileError } from './errno.ts'
import { createFolder, removeStaleFolders } from './folder-output.ts'
import { forgetUnfinished, inOneGo, registerUnfinished, rememberWritten } from './unfinished.ts'

/** Writes one file of the folder. */
export type WriteFile = (name: string, content: string | Uint8Array) => Promise<void>

export interface WholeFolderOptions {
  /** Permission bits of the folder. Default 0700. */
  readonly mode?: number
  /** Permission bits of the files. Default 0600. */
  readonly fileMode?: number
  /** Make each file durable before the folder appears. Default false, for a thousand take long. */
  readonly sync?: boolean
}

/**
 * Has `fill` write the files of a new folder, which gets the name `path` when it is done.
 *
 * @throws FileError EXISTS where there is something under that name; and what `fill` throws, after
 * which nothing is left.
 */
export async function writeWholeFolder(
  path: string,
  fill: (write: WriteFile) => Promise<void>,
  options: WholeFolderOptions = {},
): Promise<void> {
  const { mode = 0o700, fileMode = 0o600, sync = false } = options
  await removeStaleFolders(path)
  const found = await lstat(path).catch(() => undefined)
  if (found) throw new FileError('EXISTS', `${path} exists`, { hint: 'name a new folder' })
  const folder = await createFolder(path)
  registerUnfinished(folder.partialPath, () => folder.abortNow(), folder.contentPath)
  try {
    await fill(async (name, content) => {
      try {
        const file = join(folder.contentPath, name)
        await inOneGo(() => writeNew(file, content, fileMode, sync))
      } catch (error) {
        throw toFileError(error, { path: join(path, name), verb: 'write' })
      }
    })
    await chmod(folder.contentPath, mode)
    await inOneGo(async () => {
      await folder.commit()
      // Before a signal that has waited is answered with what was written.
      rememberWritten(path)
    })
  } finally {
    await folder.abort()
    forgetUnfinished(folder.contentPath)
  }
}

/** No other user can reach the folder, so that a file needs no other name first. */
async function writeNew(
  path: string,
  content: string | Uint8Array,
  mode: number,
  sync: boolean,
): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.chmod(mode)
    if (sync) await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Names of the files in a folder, in order: regular ones, and symbolic links that lead to one, which
 * the readers of such folders follow too. Hidden ones are left out, and links that lead nowhere.
 *
 * @throws FileError where the folder cannot be read, or where a link leads to.
 */
export async function listFiles(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => {
    throw toFileError(error, { path, verb: 'read' })
  })
  const names: string[] = []
  for (const entry of entries) {
    const { name } = entry
    if (name.startsWith('.')) continue
    const found = entry.isSymbolicLink() ? await follow(join(path, name)) : entry
    if (found?.isFile()) names.push(name)
  }
  return names.sort()
}

async function follow(link: string): Promise<Stats | undefined> {
  try {
    return await stat(link)
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
    throw toFileError(error, { path: link, verb: 'read' })
  }
}
