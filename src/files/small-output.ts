/**
 * Many small files, each whole or not at all also when the process dies: written beside their names,
 * then linked or renamed. Not synced, so that a thousand of them take no longer than one; against a
 * loss of power use `createOutput`.
 */

import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, sep } from 'node:path'
import { FileError } from '../errors.ts'
import { errnoOf, toFileError } from './errno.ts'

const MODE = 0o600
const FOLDER_MODE = 0o700

/**
 * Writes a file of mode 0600, in a folder that is made where it is missing.
 *
 * @throws FileError EXISTS where it exists and `force` is not set, NOT_A_FILE, DENIED, NO_SPACE, IO
 */
export function writeSmallFile(path: string, content: string | Uint8Array, force: boolean): void {
  const partial = `${dirname(path)}${sep}.${basename(path).slice(0, 200)}.${process.pid}.partial`
  let isThere = false
  try {
    const descriptor = openNew(partial)
    isThere = true
    try {
      writeFileSync(descriptor, content)
    } finally {
      closeSync(descriptor)
    }
    if (force) {
      renameSync(partial, path)
      isThere = false
    } else {
      linkSync(partial, path)
    }
  } catch (error) {
    throw isFolder(path, error)
      ? new FileError('NOT_A_FILE', `${path} is a directory`)
      : toFileError(error, { path, verb: 'write' })
  } finally {
    if (isThere) unlinkSync(partial)
  }
}

/** Looked at after the failure, so that what succeeds is not looked at. */
function isFolder(path: string, error: unknown): boolean {
  const mayBe = ['EEXIST', 'EISDIR'].includes(errnoOf(error) ?? '')
  return mayBe && lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx', MODE)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE })
    return openSync(path, 'wx', MODE)
  }
}
