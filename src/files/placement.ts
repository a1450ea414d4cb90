/**
 * How a finished file gets its name, step by step, so that each step can be taken back.
 *
 * A new file has its old name too until the end: by that the next run knows a file that was placed
 * by a process killed in between.
 */

import type { Stats } from 'node:fs'
import { link, lstat, rename, unlink } from 'node:fs/promises'
import { sep } from 'node:path'
import { FileError } from '../errors.ts'
import { errnoOf, isWithoutLinks, toFileError } from './errno.ts'
import { newPartialPath } from './partial.ts'
import { findObstacle } from './replaceable.ts'

/** What one inode is, under whatever name. */
export interface FileIdentity {
  readonly dev: number
  readonly ino: number
}

export class Placement {
  readonly #path: string
  readonly #partial: string
  readonly #file: FileIdentity
  /** How the file got its name. */
  #step: 'linked' | 'renamed' | 'replaced' | undefined
  /** A second name of the file that was replaced. */
  #backup: string | undefined

  /** @param file identity of what `partial` names and `path` shall name */
  constructor(partial: string, path: string, file: FileIdentity) {
    this.#path = path
    this.#partial = partial
    this.#file = file
  }

  /**
   * Gives the file its name.
   *
   * @param force replace what has the name
   * @param keepOld have what is replaced keep a second name, so that {@link undo} can bring it back
   * @throws FileError as {@link findReplaceable}; what the system throws
   */
  async place(force: boolean, keepOld: boolean): Promise<void> {
    const found = await findReplaceable(this.#path, force)
    if (!found && (await this.#takeFreeName(force))) return
    if (keepOld) this.#backup = await linkBeside(this.#path)
    await rename(this.#partial, this.#path)
    this.#step = 'replaced'
  }

  /** Takes {@link place} back, and removes second names. @returns the paths that are left all the same */
  async undo(): Promise<readonly string[]> {
    const left = (await this.#undoName()) ? [] : [this.#path]
    const others = [this.#partial, ...(this.#backup === undefined ? [] : [this.#backup])]
    for (const path of others) {
      if (!(await remove(path))) left.push(path)
    }
    return left
  }

  /** Removes second names, once everything is in place. Throws what the system throws. */
  async settle(): Promise<void> {
    if (this.#step === 'linked') await unlink(this.#partial)
    if (this.#backup !== undefined) await unlink(this.#backup)
    this.#backup = undefined
  }

  async #undoName(): Promise<boolean> {
    if (this.#step === undefined) return true
    try {
      const { dev, ino } = await lstat(this.#path)
      // Another file has the name now.
      if (dev !== this.#file.dev || ino !== this.#file.ino) return true
      if (this.#step !== 'replaced') await unlink(this.#path)
      else if (this.#backup === undefined) return false
      else await rename(this.#backup, this.#path)
      return true
    } catch (error) {
      return errnoOf(error) === 'ENOENT'
    }
  }

  /** @returns false where the name was taken meanwhile, and may be */
  async #takeFreeName(force: boolean): Promise<boolean> {
    try {
      await link(this.#partial, this.#path)
      this.#step = 'linked'
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST' && force) return false
      if (!isWithoutLinks(error)) throw error
      // The caller has just checked that the name is free.
      await rename(this.#partial, this.#path)
      this.#step = 'renamed'
      return true
    }
  }
}

/**
 * What has the name `path`, if a file may take its place.
 *
 * @throws FileError EXISTS where there is something and `force` is not set; NOT_A_FILE as
 *   {@link findObstacle}; DENIED, IO.
 */
export async function findReplaceable(path: string, force: boolean): Promise<Stats | undefined> {
  if (path.endsWith(sep)) throw new FileError('NOT_A_FILE', `${path} names a directory`)
  const found = await lstat(path).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw toFileError(error, { path, verb: 'write' })
  })
  if (!found) return undefined
  const obstacle = findObstacle(path, found)
  if (obstacle) throw obstacle
  if (!force) throw new FileError('EXISTS', `${path} exists`, { hint: '--force replaces it' })
  return found
}

/** Gives what is there another name beside its own, where the file system has hard links. */
async function linkBeside(path: string): Promise<string | undefined> {
  const backup = newPartialPath(path)
  return link(path, backup).then(
    () => backup,
    () => undefined,
  )
}

/** @returns whether the name is free now */
async function remove(path: string): Promise<boolean> {
  return unlink(path).then(
    () => true,
    (error) => errnoOf(error) === 'ENOENT',
  )
}
