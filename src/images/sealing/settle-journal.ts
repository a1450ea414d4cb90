/** Before an image is changed: what another command was interrupted in comes to its end. */

import { FileError } from '../../errors.ts'
import { openFileSource } from '../../files/file-source.ts'
import type { LockedFile } from '../../files/lock.ts'
import { removeJournal } from '../../files/replace-bytes.ts'
import { findJournal } from '../read/pending-change.ts'

/**
 * Finishes a change that is pending, and removes the journal of one that is not.
 *
 * @param file its lock, so that what is decided here is still so when it is written
 * @throws FileError DENIED where the journal cannot be read, and where something cannot be written
 */
export async function settleJournal(file: LockedFile): Promise<void> {
  const source = await openFileSource(file.path, file.name)
  try {
    const journal = await findJournal(source, file.path)
    if (journal?.kind === 'pending') await journal.change.finish(file)
    else if (journal?.kind === 'settled') await removeJournal(file)
    else if (journal?.kind === 'unreadable') {
      throw new FileError('DENIED', `${journal.reason}, which may say how ${file.name} shall be`)
    }
  } finally {
    await source.close()
  }
}
