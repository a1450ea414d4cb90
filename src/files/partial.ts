/**
 * The names of files in the making, and how leftovers of killed processes are found.
 *
 * `.NAME.IDENTITY-RANDOM.partial` lies beside `NAME`. IDENTITY says which process makes it, so that
 * a builder in another container or on another host of a shared folder is never taken for dead;
 * RANDOM makes that no two names are ever the same.
 */

import { randomBytes } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { lstat, open, readdir, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { IDENTITY_PATTERN, ownIdentity, stateOfProcess } from './process-identity.ts'
import { startOfName } from './start-of-name.ts'
import { inOneGo, registerUnfinished } from './unfinished.ts'

/** Room for the rest of the name within the 255 bytes a file system allows. */
const NAME_BYTES = 180
const TAIL = new RegExp(`\\.(${IDENTITY_PATTERN})-[0-9a-f]{12}\\.partial$`)

export interface Partial {
  readonly path: string
  readonly handle: FileHandle
}

/** A file that a process which has ended was making, and that belongs to us. */
export interface StalePartial {
  readonly path: string
  readonly dev: number
  readonly ino: number
}

/** A new file beside `output` that no other user can read yet. Throws what the system throws. */
export async function openPartial(output: string): Promise<Partial> {
  const path = newPartialPath(output)
  registerUnfinished(path, () => unlinkSync(path))
  // A signal in between would remove it before another thread has made it.
  return { path, handle: await inOneGo(() => open(path, 'wx+', 0o600)) }
}

/** A name for something in the making, beside `output`. */
export function newPartialPath(output: string): string {
  const random = randomBytes(6).toString('hex')
  return join(dirname(output), `${prefixOf(output)}${ownIdentity()}-${random}.partial`)
}

/** Whether `name` was given to something in the making by a process that has certainly ended. */
export function isStaleName(name: string): boolean {
  const [, identity = ''] = TAIL.exec(name) ?? []
  return stateOfProcess(identity) === 'gone'
}

/** Names in `folder` of what killed processes left of `output`. @param folder that of `output` */
export async function findStaleNames(output: string, folder: string): Promise<readonly string[]> {
  const prefix = prefixOf(output)
  const names = await readdir(folder).catch((): string[] => [])
  return names.filter((name) => name.startsWith(prefix) && isStaleName(name))
}

/** The files that killed processes left of `output`: regular ones of ours. */
export async function findStalePartials(output: string): Promise<readonly StalePartial[]> {
  const folder = dirname(output)
  const found: StalePartial[] = []
  for (const name of await findStaleNames(output, folder)) {
    const path = join(folder, name)
    const stat = await lstat(path).catch(() => undefined)
    if (stat?.isFile() && isOurs(stat)) found.push({ path, dev: stat.dev, ino: stat.ino })
  }
  return found
}

/** Removes the files that killed processes left of `output`. What cannot be removed stays. */
export async function removeStalePartials(output: string): Promise<void> {
  for (const { path } of await findStalePartials(output)) await unlink(path).catch(() => undefined)
}

/** Whether a file belongs to the user that we are. Windows has no such owners. */
export function isOurs({ uid }: { readonly uid: number }): boolean {
  return process.geteuid === undefined || process.geteuid() === uid
}

/** The beginning of the names of what becomes `output`; of long names only their beginning is in it. */
function prefixOf(output: string): string {
  return `.${startOfName(basename(output), NAME_BYTES)}.`
}
