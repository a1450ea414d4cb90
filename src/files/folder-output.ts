/**
 * A folder that appears whole or not at all.
 *
 * Its content is made in `.NAME.IDENTITY-RANDOM.partial/extsign-content`, and what has no place in it
 * yet in `extsign-staging` beside that. The outer folder is for its
 * owner alone and stays so until the end: where others can write to the folder around it they can give
 * it another name, and never reach what is in it. We hold it by its descriptor, so another name or
 * another folder of its name leads nowhere.
 */

import { rmdirSync, rmSync } from 'node:fs'
import { chmod, type FileHandle, mkdir, open, readdir, rename, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FileError } from '../errors.ts'
import { errnoOf, toFileError } from './errno.ts'
import { HeldFolder } from './held-folder.ts'
import { findStaleNames, isOurs, newPartialPath } from './partial.ts'
import { removeTree } from './remove-tree.ts'
import { forgetUnfinished, inOneGo, noteUnfinished, registerUnfinished } from './unfinished.ts'

/** A folder in the making. End with `commit` or `abort`; after either the other does nothing. */
export interface FolderOutput {
  /** Where its content is made. Only for the system: it means nothing to a person. */
  readonly contentPath: string
  /**
   * Where a folder can be made, by who needs it, for what shall have its place in the content later.
   * It goes away with whatever is still in it.
   */
  readonly stagingPath: string
  /** What has it all meanwhile, beside the name it will have. */
  readonly partialPath: string
  /**
   * Gives it its name.
   *
   * @throws FileError EXISTS where there is something, DENIED; IO also where it is complete, and the
   *   error names what is left beside it
   */
  commit(): Promise<void>
  /** Removes what was made. Never throws. */
  abort(): Promise<void>
  /** {@link abort} of a few files in the last moment of this process. Throws what the system throws. */
  abortNow(): void
}

/** The only things in the outer folder: by them we know our own. */
const CONTENT = 'extsign-content'
const STAGING = 'extsign-staging'
const OWNER_ONLY = 0o700
const OTHERS_WRITE = 0o022

/**
 * Starts a folder that shall be called `path`, where nothing or an empty folder may be.
 *
 * @throws FileError NOT_FOUND without the folder around it, DENIED, NO_SPACE, IO
 */
export async function createFolder(path: string): Promise<FolderOutput> {
  let around: HeldFolder | undefined
  let unfinished = ''
  try {
    around = await HeldFolder.open(dirname(path))
    const name = basename(newPartialPath(path))
    const folder = around.at(name)
    unfinished = join(dirname(path), name)
    registerUnfinished(unfinished, () => rmdirSync(folder))
    const outer = await makeOuter(around, name, path)
    try {
      await mkdir(outer.at(CONTENT), OWNER_ONLY)
    } catch (error) {
      await outer.close()
      await rmdir(around.at(name)).catch(() => undefined)
      throw error
    }
    noteUnfinished(unfinished)
    return new PartialFolder(path, name, around, outer)
  } catch (error) {
    forgetUnfinished(unfinished)
    await around?.close()
    throw toFileError(error, { path, verb: 'write' })
  }
}

class PartialFolder implements FolderOutput {
  readonly contentPath: string
  readonly stagingPath: string
  readonly partialPath: string
  readonly #path: string
  readonly #name: string
  readonly #around: HeldFolder
  readonly #outer: HeldFolder
  #isDone = false

  constructor(path: string, name: string, around: HeldFolder, outer: HeldFolder) {
    this.#path = path
    this.#name = name
    this.#around = around
    this.#outer = outer
    this.contentPath = outer.at(CONTENT)
    this.stagingPath = outer.at(STAGING)
    this.partialPath = join(dirname(path), name)
  }

  async commit(): Promise<void> {
    if (this.#isDone) return
    try {
      await removeIfThere(this.stagingPath)
      await moveFolder(this.contentPath, this.#around.at(basename(this.#path)))
    } catch (error) {
      const isTaken = ['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errnoOf(error) ?? '')
      if (!isTaken) throw toFileError(error, { path: this.#path, verb: 'write' })
      const hint = 'name a new folder'
      throw new FileError('EXISTS', `${this.#path} exists`, { hint, cause: error })
    }
    await this.#removeOuter().catch((error) => {
      const path = this.partialPath
      forgetUnfinished(path)
      const detail = `${this.#path} is complete, and this is left beside it`
      throw toFileError(error, { path, verb: 'write', detail })
    })
  }

  async abort(): Promise<void> {
    if (this.#isDone) return
    for (const path of [this.contentPath, this.stagingPath]) {
      await removeIfThere(path).catch(() => undefined)
    }
    await this.#removeOuter().catch(() => undefined)
  }

  abortNow(): void {
    if (this.#isDone) return
    rmSync(this.contentPath, { recursive: true, force: true })
    rmdirSync(this.#around.at(this.#name))
    forgetUnfinished(this.partialPath)
  }

  async #removeOuter(): Promise<void> {
    this.#isDone = true
    try {
      await rmdir(this.#around.at(this.#name))
      forgetUnfinished(this.partialPath)
    } finally {
      for (const held of [this.#outer, this.#around]) await held.close().catch(() => undefined)
    }
  }
}

/** @throws FileError DENIED where what has the name now is not what we made */
async function makeOuter(around: HeldFolder, name: string, path: string): Promise<HeldFolder> {
  await inOneGo(() => mkdir(around.at(name), OWNER_ONLY))
  let outer: HeldFolder | undefined
  try {
    outer = await HeldFolder.open(around.at(name), true)
    const isEmpty = (await readdir(outer.path)).length === 0
    if (isEmpty && (await isSafe(outer, around))) return outer
    throw new FileError('DENIED', `cannot write ${path}: others change the folder it is in`, {
      hint: 'name a folder that only you can write to',
    })
  } catch (error) {
    await outer?.close()
    await rmdir(around.at(name)).catch(() => undefined)
    throw error
  }
}

async function isSafe(outer: HeldFolder, around: HeldFolder): Promise<boolean> {
  const stat = await outer.stat()
  if (isOurs(stat)) {
    // Whatever it was before, from now on no other user can write into it.
    if (!isPrivate(stat)) await chmod(outer.path, OWNER_ONLY)
    return true
  }
  // Some file systems know one owner only. Then what counts is who can write around it.
  return ((await around.stat()).mode & OTHERS_WRITE) === 0
}

/** A folder that cannot be written to cannot change the folder it is in, except for root. */
async function moveFolder(from: string, to: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    await rename(from, to)
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error
    handle = await open(from, 'r')
    const { mode } = await handle.stat()
    if (mode & 0o200) throw error
    await handle.chmod((mode & 0o7777) | 0o200)
    await rename(from, to)
    await handle.chmod(mode & 0o7777)
  } finally {
    await handle?.close()
  }
}

/**
 * Removes what killed processes left of the folder `path`: what is a folder of ours for us alone, and
 * has in it nothing but what we make. Another user can give any folder such a name, but cannot put that
 * into it. Where folders cannot be held, what is left stays. Never throws.
 */
export async function removeStaleFolders(path: string): Promise<void> {
  const around = await HeldFolder.open(dirname(path)).catch(() => undefined)
  if (!around?.isHeld) return
  for (const name of await findStaleNames(path, around.path)) {
    await removeStaleFolder(around, name).catch(() => undefined)
  }
  await around.close()
}

async function removeStaleFolder(around: HeldFolder, name: string): Promise<void> {
  const outer = await HeldFolder.open(around.at(name), true)
  try {
    if (!isPrivate(await outer.stat())) return
    const names = await readdir(outer.path)
    if (!names.every((each) => each === CONTENT || each === STAGING)) return
    for (const each of names) await removeTree(outer.at(each))
    await rmdir(around.at(name))
  } finally {
    await outer.close()
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await removeTree(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

function isPrivate(stat: { readonly uid: number; readonly mode: number }): boolean {
  return isOurs(stat) && (stat.mode & 0o777) === OWNER_ONLY
}
