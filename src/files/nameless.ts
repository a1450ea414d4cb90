/** Files without a name: gone when they are closed, also where the process is killed. */

import { type FileHandle, mkdtemp, open, rmdir, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closeRead } from './close-read.ts'
import { inOneGo } from './unfinished.ts'

export interface NamelessFiles {
  readonly handles: readonly FileHandle[]
  close(): Promise<void>
}

/** Opens so many new, empty files for reading and writing. Throws what the system throws. */
export function openNameless(count: number): Promise<NamelessFiles> {
  return inOneGo(() => makeNameless(count))
}

async function makeNameless(count: number): Promise<NamelessFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'extsign-'))
  const names = Array.from({ length: count }, (_, index) => join(folder, `${index}`))
  const handles: FileHandle[] = []
  // Only what was made is removed: no folder that another user puts in its place is walked.
  const removeNames = async () => {
    for (const name of names) await unlink(name).catch(() => undefined)
    await rmdir(folder).catch(() => undefined)
  }
  const close = async () => {
    for (const handle of handles) await closeRead(handle)
    // On Windows what is open cannot be removed.
    await removeNames()
  }
  try {
    for (const name of names) handles.push(await open(name, 'wx+', 0o600))
    await removeNames()
    return { handles, close }
  } catch (error) {
    await close()
    throw error
  }
}
