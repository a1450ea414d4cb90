/**
 * The journal beside an image: whether it says how an interrupted `resign`, `attach` or `rotate` goes
 * on. This is the only place that reads journals, and {@link PendingChange.finish} the only way to
 * carry one out.
 *
 * A file beside an image can come from anywhere. Why none of them can damage an image that is whole,
 * or bring back an older signature, is in docs/formats/change-journal.md.
 */

import { lstatSync, type Stats } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { patchedSource } from '../../bytes/patch.ts'
import { FileError, FormatError } from '../../errors.ts'
import { besidePath } from '../../files/beside.ts'
import { errnoOf, toFileError } from '../../files/errno.ts'
import { type FileSource, withPatches } from '../../files/file-source.ts'
import type { LockedFile } from '../../files/lock.ts'
import { finishReplacement, type Replacement } from '../../files/replace-bytes.ts'
import { readRegularFile } from '../../files/text.ts'
import {
  type ChangeJournal,
  decodeChangeJournal,
  isFileOf,
  MAX_JOURNAL,
} from '../../formats/change-journal.ts'
import { isSameSignature, isSignatureChange, readSealedState } from './sealed-state.ts'

/** What lies beside an image under the name of its journal. */
export type JournalBeside =
  /** The image is between two states, and the journal leads to the later one. */
  | { readonly kind: 'pending'; readonly path: string; readonly change: PendingChange }
  /** Ours and of this image, which needs nothing of it: the change was not begun, or is done. */
  | { readonly kind: 'settled'; readonly path: string }
  /** It may be ours and cannot be read. */
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string }
  /** It does not count, and why. */
  | { readonly kind: 'ignored'; readonly path: string; readonly reason: string }

export type { PendingChange }

/** A change that has been examined, and counts. */
class PendingChange {
  readonly #file: FileSource
  readonly #replacement: Replacement

  constructor(file: FileSource, { changes, newSize }: ChangeJournal) {
    this.#file = file
    this.#replacement = { patches: changes, size: newSize }
  }

  /** The image as it will be. Closing it closes the file. */
  finished(): FileSource {
    return withPatches(this.#file, this.#replacement.patches, this.#replacement.size)
  }

  /**
   * Writes what is missing and removes the journal.
   *
   * @param file the lock of the image, held since before the change was found
   * @throws FileError
   */
  async finish(file: LockedFile): Promise<void> {
    await finishReplacement(file, this.#file, this.#replacement)
  }
}

/**
 * Finds the journal of the image that is open as `file`, and decides whether it counts.
 *
 * @returns undefined where there is none
 * @throws FileError IO where the image cannot be read
 */
export async function findJournal(
  file: FileSource,
  path: string,
): Promise<JournalBeside | undefined> {
  const real = await realpath(path).catch((error) => {
    throw toFileError(error, { path, verb: 'read' })
  })
  const journalPath = besidePath(real, 'change')
  const found = lookAt(journalPath)
  if (!found) return undefined
  const ignored = (reason: string) => ({ kind: 'ignored', path: journalPath, reason }) as const
  const stranger = findStranger(found, file)
  if (stranger !== undefined) return ignored(stranger)
  try {
    const journal = await readJournal(journalPath, file)
    if (!(await isFileOf(journal, file))) return ignored('it is of another image')
    return await decide(journal, file, journalPath)
  } catch (error) {
    if (error instanceof FormatError) return ignored(error.message)
    if (!(error instanceof FileError)) throw error
    if (error.code === 'NOT_FOUND') return undefined
    if (error.code === 'DENIED') {
      return { kind: 'unreadable', path: journalPath, reason: error.message }
    }
    if (error.code === 'IO') throw error
    return ignored(error.message)
  }
}

/** Three images are compared: before the change, after it, and the one that is there. */
async function decide(
  journal: ChangeJournal,
  file: FileSource,
  path: string,
): Promise<JournalBeside> {
  const { changes, oldSize, newSize } = journal
  const previous = changes.map(({ offset, old }) => ({ offset, bytes: old }))
  const before = await readSealedState(patchedSource(file, previous, oldSize), changes)
  const after = await readSealedState(patchedSource(file, changes, newSize), changes)
  if (!before || !after || !isSignatureChange(before, after, changes)) {
    return { kind: 'ignored', path, reason: 'it would change more than the signature' }
  }
  // An image that is whole is never changed because of a file beside it.
  const now = await readSealedState(file, changes)
  const isWhole = now && (isSameSignature(now, before) || isSameSignature(now, after))
  if (isWhole) return { kind: 'settled', path }
  return { kind: 'pending', path, change: new PendingChange(file, journal) }
}

function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch (error) {
    if (['ENOENT', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return undefined
    throw toFileError(error, { path, verb: 'read' })
  }
}

async function readJournal(path: string, file: FileSource): Promise<ChangeJournal> {
  const look = (found: Stats) => {
    const stranger = findStranger(found, file)
    if (stranger !== undefined) throw new FileError('NOT_A_FILE', stranger)
  }
  const bytes = await readRegularFile(path, { maximum: MAX_JOURNAL, noFollow: true, look })
  return decodeChangeJournal(bytes)
}

/** Why a file cannot be a journal of ours: who can write the image can write journals, others cannot. */
function findStranger(found: Stats, file: FileSource): string | undefined {
  if (!found.isFile()) return 'it is not a regular file'
  const own = process.geteuid?.()
  if (own === undefined) return undefined
  if (![0, own, file.stamp.owner].includes(found.uid)) return `user ${found.uid} has put it there`
  if ((found.mode & 0o022) !== 0) return 'others can write to it'
  return found.nlink > 1 ? 'it has several names' : undefined
}
