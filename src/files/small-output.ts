/**
 * Many small files, each whole or not at all also when the process dies: written beside their names,
 * then linked or renamed. Not synced, so that a thousand of them take no longer than one; against a
 * loss of power use `writeOutput`.
 */

import {
  closeSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { FileError } from '../errors.ts'
import { errnoOf, isWithoutLinks, toFileError } from './errno.ts'
import { keepUsed, makeFolders } from './new-folders.ts'
import { isOurs, isStaleName, newPartialPath } from './partial.ts'
import { findObstacle } from './replaceable.ts'

const MODE = 0o600
const FOLDER_MODE = 0o700

/** Folders in which leftovers have been looked for: once is enough, and a large one takes long. */
const swept = new Set<string>()
/** Beyond so many, leftovers stay. */
const MAX_SWEPT = 1000

/**
 * Writes a file of mode 0600, in a folder that is made where it is missing. What killed processes have
 * left in that folder is removed before.
 *
 * @throws FileError EXISTS where it exists and `force` is not set, NOT_A_FILE, DENIED, NO_SPACE, IO
 */
export function writeSmallFile(path: string, content: string | Uint8Array, force: boolean): void {
  sweep(dirname(path))
  const partial = newPartialPath(path)
  const made: string[] = []
  let isThere = false
  try {
    const descriptor = openNew(partial, made)
    isThere = true
    try {
      writeFileSync(descriptor, content)
    } finally {
      closeSync(descriptor)
    }
    isThere = takeName(partial, path, force)
    if (isThere) removeOrTakeBack(partial, path)
    isThere = false
  } catch (error) {
    throw isFolder(path, error)
      ? new FileError('NOT_A_FILE', `${path} is a directory`)
      : toFileError(error, { path, verb: 'write' })
  } finally {
    if (isThere) remove(partial)
    keepUsed(made)
  }
}

/** @returns whether the file has its other name too */
function takeName(partial: string, path: string, force: boolean): boolean {
  if (!force) {
    try {
      linkSync(partial, path)
      return true
    } catch (error) {
      if (!isWithoutLinks(error)) throw error
      if (lstatSync(path, { throwIfNoEntry: false })) {
        throw new FileError('EXISTS', `${path} exists`, { hint: '--force replaces it' })
      }
    }
  }
  const found = lstatSync(path, { throwIfNoEntry: false })
  const obstacle = found && findObstacle(path, found)
  if (obstacle) throw obstacle
  renameSync(partial, path)
  return false
}

/** A credential with two names would be one that is not whole. */
function removeOrTakeBack(partial: string, path: string): void {
  try {
    unlinkSync(partial)
  } catch (error) {
    remove(path)
    throw error
  }
}

/** What cannot be removed stays, and the next run tries again. */
function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Why there is something to be removed is more worth saying.
  }
}

function sweep(folder: string): void {
  if (swept.has(folder) || swept.size >= MAX_SWEPT) return
  swept.add(folder)
  for (const name of list(folder)) {
    if (!isStaleName(name)) continue
    const path = join(folder, name)
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found?.isFile() && isOurs(found)) remove(path)
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    // It is made when the first file is written, or that says what is wrong with it.
    return []
  }
}

/** Looked at after the failure, so that what succeeds is not looked at. */
function isFolder(path: string, error: unknown): boolean {
  const mayBe = ['EEXIST', 'EISDIR'].includes(errnoOf(error) ?? '')
  return mayBe && lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function openNew(path: string, made: string[]): number {
  try {
    return openSync(path, 'wx', MODE)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    makeFolders(dirname(path), FOLDER_MODE, made)
    return openSync(path, 'wx', MODE)
  }
}
