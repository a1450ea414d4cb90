/**
 * A folder held by its descriptor: what is done in it is done in that folder, whatever others make of
 * its names meanwhile.
 *
 * Node has no openat(2); on Linux `/proc/self/fd/N/name` is the same. Elsewhere, or where /proc is not
 * mounted, a folder cannot be held, and names are all there is.
 */

import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, stat } from 'node:fs/promises'
import { sep } from 'node:path'
import { closeRead } from './close-read.ts'

/** Open for its name only, which needs no right to read (include/uapi/asm-generic/fcntl.h). */
const O_PATH = 0o10000000
const FOLDER = O_PATH | (constants.O_DIRECTORY ?? 0)

export class HeldFolder {
  /** Leads to the folder as long as it is held; where it cannot be, its path. */
  readonly path: string
  readonly #handle: FileHandle | undefined

  private constructor(path: string, handle: FileHandle | undefined) {
    this.path = path
    this.#handle = handle
  }

  /** Holds the folder `path`, behind a link too unless `noFollow`. Throws what the system throws. */
  static async open(path: string, noFollow = false): Promise<HeldFolder> {
    if (process.platform !== 'linux') return new HeldFolder(path, undefined)
    const handle = await open(path, FOLDER | (noFollow ? constants.O_NOFOLLOW : 0))
    const held = `/proc/self/fd/${handle.fd}`
    if (await leadsTo(held, handle)) return new HeldFolder(held, handle)
    await closeRead(handle)
    return new HeldFolder(path, undefined)
  }

  /** Whether its names do not matter. */
  get isHeld(): boolean {
    return this.#handle !== undefined
  }

  stat(): Promise<Stats> {
    return this.#handle?.stat() ?? lstat(this.path)
  }

  /** The path of what is called `name` in it. */
  at(name: string): string {
    return `${this.path}${sep}${name}`
  }

  async close(): Promise<void> {
    await closeRead(this.#handle)
  }
}

async function leadsTo(path: string, handle: FileHandle): Promise<boolean> {
  const [found, wanted] = [await stat(path).catch(() => undefined), await handle.stat()]
  return found?.dev === wanted.dev && found.ino === wanted.ino
}
