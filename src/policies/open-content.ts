/** Files that are to be measured as they are: opened where they are files, read where they are pipes. */

import { stat } from 'node:fs/promises'
import { bytesSource } from '../bytes/source.ts'
import { toFileError } from '../files/errno.ts'
import { openFileSource } from '../files/file-source.ts'
import { readSmallFile } from '../files/text.ts'
import type { MeasuredContent } from './hash-contents.ts'

/** A content that is open. Close it. */
export interface OpenContent extends MeasuredContent {
  close(): Promise<void>
}

/** What comes through a pipe is kept in memory. */
const MAX_PIPED = 512 * 1024 * 1024

/** Opens the whole file `path`. @throws FileError NOT_FOUND, DENIED, NOT_A_FILE, TOO_LARGE, IO */
export async function openContent(path: string): Promise<OpenContent> {
  const status = await stat(path).catch((error) => {
    throw toFileError(error, { path, verb: 'read' })
  })
  if (status.isFile() && status.size > 0) {
    const source = await openFileSource(path)
    return { source, offset: 0, size: source.size, zeros: 0, close: () => source.close() }
  }
  const bytes = await readSmallFile(path, { maximum: MAX_PIPED })
  const source = bytesSource(bytes)
  return { source, offset: 0, size: bytes.length, zeros: 0, close: async () => undefined }
}
