/**
 * The journal beside a file that is being changed: where it is, and the file as it shall be.
 *
 * From the moment the journal has its name the change is decided. Whoever was interrupted is
 * finished by the next one who changes the file, and seen as finished by everybody who reads it.
 */

import { basename, dirname, join } from 'node:path'
import { type Patch, patchedSource } from '../bytes/patch.ts'
import { FileError, FormatError } from '../errors.ts'
import {
  type ChangeJournal,
  decodeChangeJournal,
  isFileOf,
  MAX_JOURNAL,
} from '../formats/change-journal.ts'
import type { FileSource } from './file-source.ts'
import { readSmallFile } from './text.ts'

/** `.hello.raw.change` beside `hello.raw`, which must not be a symbolic link. */
export function journalPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.change`)
}

/** The journal that belongs to `file`; undefined where there is none, or that of another file. */
export async function readJournal(
  path: string,
  file: Pick<FileSource, 'size' | 'read'>,
): Promise<ChangeJournal | undefined> {
  try {
    const bytes = await readSmallFile(journalPath(path), { maximum: MAX_JOURNAL })
    const journal = decodeChangeJournal(bytes)
    return (await isFileOf(journal, file)) ? journal : undefined
  } catch (error) {
    // What is no journal of ours says nothing about the file.
    if (error instanceof FormatError) return undefined
    if (error instanceof FileError && error.code !== 'IO') return undefined
    throw error
  }
}

/** `file` as it is once `patches` have been written. Threads that read its descriptor see the old one. */
export function withPatches(
  file: FileSource,
  patches: readonly Patch[],
  size: number = file.size,
): FileSource {
  const { read } = patchedSource(file, patches, size)
  return { path: file.path, fd: file.fd, size, read, close: () => file.close() }
}
