/**
 * Folders that a command makes for what it writes. They go away again where nothing comes to be in
 * them: when the command fails, and when a signal ends it.
 */

import { chmodSync, mkdirSync, rmdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { FileError } from '../errors.ts'
import { errnoOf, toFileError } from './errno.ts'
import { forgetUnfinished, registerUnfinished } from './unfinished.ts'

const FOLDER_MODE = 0o755

/** The folders that were made, the outer ones first. */
export interface NewFolders {
  /**
   * Makes `path` and what is missing above it.
   *
   * @param mode permission bits, whatever the umask; by default what the umask leaves of 0755
   * @throws FileError NOT_A_FILE where something else is there, DENIED, NO_SPACE, IO
   */
  make(path: string, mode?: number): void
}

/** Calls `use`, and afterwards removes the folders that it made in which there is nothing. */
export async function withNewFolders<T>(use: (folders: NewFolders) => Promise<T>): Promise<T> {
  const made: string[] = []
  try {
    return await use({ make: (path, mode) => makeFolders(path, mode, made) })
  } finally {
    keepUsed(made)
  }
}

/**
 * Makes `path` and what is missing above it, without a moment in which a signal could be heard.
 *
 * @param made gets the folders that were made, the outer ones first
 */
export function makeFolders(path: string, mode: number | undefined, made: string[]): void {
  try {
    makeOne(path, mode, made)
  } catch (error) {
    throw toFileError(error, { path, verb: 'write' })
  }
}

/** Removes folders of {@link makeFolders} that nothing is in: the others stay. Never throws. */
export function keepUsed(made: readonly string[]): void {
  removeEmpty(made)
  for (const path of made) forgetUnfinished(path)
}

function removeEmpty(made: readonly string[]): void {
  for (const path of made.toReversed()) {
    try {
      rmdirSync(path)
    } catch {
      // Something is in it.
    }
  }
}

function makeOne(path: string, mode: number | undefined, made: string[]): void {
  const parent = dirname(path)
  let error = attemptOne(path, mode)
  if (errnoOf(error) === 'ENOENT' && parent !== path) {
    makeOne(parent, mode, made)
    error = attemptOne(path, mode)
  }
  if (error !== undefined) {
    assertFolder(path, error)
    return
  }
  made.push(path)
  registerUnfinished(path, () => removeEmpty([path]))
  if (mode !== undefined) chmodSync(path, mode)
}

/**
 * At no moment others may do more in it than `mode` lets them.
 *
 * @returns what the system says against it
 */
function attemptOne(path: string, mode: number | undefined): unknown {
  try {
    mkdirSync(path, mode ?? FOLDER_MODE)
    return undefined
  } catch (error) {
    return error
  }
}

/** A folder that is there needs no other; `error` says why none could be made. */
function assertFolder(path: string, error: unknown): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory()) return
  if (errnoOf(error) !== 'EEXIST') throw error
  throw new FileError('NOT_A_FILE', `${path} is not a directory`)
}
