/** New names in a directory made durable. */

import { open } from 'node:fs/promises'
import { errnoOf, toFileError } from './errno.ts'

/** Systems that cannot sync a directory do it on their own. @throws FileError IO, NO_SPACE */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (!handle) return
  try {
    await handle.sync()
  } catch (error) {
    if (['EIO', 'ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '')) {
      throw toFileError(error, { path, verb: 'write' })
    }
  } finally {
    await handle.close().catch(() => undefined)
  }
}
