/**
 * The names of files in the making, and how leftovers of killed processes are found.
 *
 * `.NAME.IDENTITY-N.partial` lies beside `NAME`. IDENTITY says which process makes it, so that a
 * builder in another container or on another host of a shared folder is never taken for dead.
 */

import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from './errno.ts'
import { IDENTITY_PATTERN, ownIdentity, stateOfProcess } from './process-identity.ts'

/** Room for the rest of the name within the 255 bytes a file system allows. */
const NAME_BYTES = 180
const ATTEMPTS = 1000
const TAIL = new RegExp(`^(${IDENTITY_PATTERN})-[0-9]{1,3}\\.partial$`)

export interface Partial {
  readonly path: string
  readonly handle: FileHandle
}

/** A new file beside `output` that nobody else can read yet. Throws what the system throws. */
export async function openPartial(output: string): Promise<Partial> {
  return firstFree(output, async (path) => ({ path, handle: await open(path, 'wx+', 0o600) }))
}

/** A new folder beside `output` that nobody else can enter yet. Throws what the system throws. */
export async function makePartialFolder(output: string): Promise<string> {
  return firstFree(output, async (path) => {
    await mkdir(path, 0o700)
    return path
  })
}

/**
 * Removes what killed processes left of `output`. What cannot be removed stays.
 *
 * @param remove how; files by default
 */
export async function removeStalePartials(
  output: string,
  remove: (path: string) => Promise<void> = unlink,
): Promise<void> {
  const prefix = prefixOf(output)
  const folder = dirname(output)
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix)) continue
    const [, identity = ''] = TAIL.exec(name.slice(prefix.length)) ?? []
    if (stateOfProcess(identity) !== 'gone') continue
    await remove(join(folder, name)).catch(() => undefined)
  }
}

async function firstFree<T>(output: string, make: (path: string) => Promise<T>): Promise<T> {
  const start = `${prefixOf(output)}${ownIdentity()}-`
  for (let attempt = 0; ; attempt++) {
    try {
      return await make(join(dirname(output), `${start}${attempt}.partial`))
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || attempt + 1 === ATTEMPTS) throw error
    }
  }
}

function prefixOf(output: string): string {
  let name = basename(output)
  while (Buffer.byteLength(name) > NAME_BYTES) name = [...name].slice(0, -1).join('')
  return `.${name}.`
}
