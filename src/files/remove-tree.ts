/** Removes a folder we made, whatever modes we gave to what is in it. */

import { chmod, lstat, readdir, rename, rmdir, unlink } from 'node:fs/promises'
import { sep } from 'node:path'
import { toHex } from '../bytes/hex.ts'
import { randomBytes } from '../crypto/random.ts'
import { allOf } from './all-of.ts'

/** What removing asks of the system, so that tests can count it. */
export interface RemovalSystem {
  readonly isDirectory: (path: Buffer) => Promise<boolean>
  readonly chmod: (path: Buffer, mode: number) => Promise<void>
  readonly readdir: (path: Buffer) => Promise<readonly FolderEntry[]>
  readonly rename: (from: Buffer, to: Buffer) => Promise<void>
  readonly rmdir: (path: Buffer) => Promise<void>
  readonly unlink: (path: Buffer) => Promise<void>
}

interface FolderEntry {
  readonly name: Buffer
  isDirectory(): boolean
}

const HOST: RemovalSystem = {
  isDirectory: async (path) => (await lstat(path)).isDirectory(),
  chmod,
  readdir: (path) => readdir(path, { encoding: 'buffer', withFileTypes: true }),
  rename,
  rmdir,
  unlink,
}

/** Entries of a folder that are handled at a time. */
const AT_A_TIME = 16

/**
 * Removes `path` and everything below it without following symbolic links.
 *
 * A folder that is found in another one is first moved to `path`. So no name leads through more than
 * two folders, however deep the tree is: the time grows with the number of entries only, and no path
 * becomes longer than the system takes.
 *
 * Only for what lies in a folder that no other user can enter, reached by its descriptor: paths are
 * looked up again and again.
 */
export async function removeTree(path: string | Buffer, system = HOST): Promise<void> {
  const top = Buffer.from(path)
  if (await system.isDirectory(top)) await new Removal(top, system).run()
  else await system.unlink(top)
}

class Removal {
  readonly #top: Buffer
  readonly #system: RemovalSystem
  /** What folders that were moved are called begins so. No name can do so by chance. */
  readonly #prefix = `.${toHex(randomBytes(8))}-`
  #moved = 0

  constructor(top: Buffer, system: RemovalSystem) {
    this.#top = top
    this.#system = system
  }

  async run(): Promise<void> {
    await this.#openUp(this.#top)
    const waiting = [this.#top]
    for (let folder = waiting.pop(); folder; folder = waiting.pop()) {
      const { staying, moved } = await this.#empty(folder)
      if (staying.length === 0) await this.#system.rmdir(folder)
      else waiting.push(folder)
      for (const each of [...staying, ...moved]) waiting.push(each)
    }
  }

  /** Removes the files of a folder, and says where the folders are that were in it. */
  async #empty(folder: Buffer): Promise<{ staying: Buffer[]; moved: Buffer[] }> {
    const staying: Buffer[] = []
    const moved: Buffer[] = []
    const entries = await this.#system.readdir(folder)
    for (let done = 0; done < entries.length; done += AT_A_TIME) {
      const some = entries.slice(done, done + AT_A_TIME)
      const work = some.map(async (entry) => {
        const path = join(folder, entry.name)
        if (!entry.isDirectory()) return this.#system.unlink(path)
        await this.#openUp(path)
        const found = folder === this.#top ? undefined : await this.#moveUp(path)
        if (found) moved.push(found)
        else staying.push(path)
      })
      await allOf(work)
    }
    return { staying, moved }
  }

  /** A folder without permissions cannot be emptied or moved by its own owner. */
  #openUp(folder: Buffer): Promise<void> {
    return this.#system.chmod(folder, 0o700)
  }

  /** @returns undefined where the system does not move it: a full disk, some layered file systems */
  async #moveUp(path: Buffer): Promise<Buffer | undefined> {
    const target = join(this.#top, Buffer.from(`${this.#prefix}${this.#moved++}`))
    try {
      await this.#system.rename(path, target)
      return target
    } catch {
      return undefined
    }
  }
}

function join(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from(sep), name])
}
