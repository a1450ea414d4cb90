/** UKIs in files. */

import { type FileSource, openFileSource } from '../files/file-source.ts'
import { openPe } from '../formats/pe/decode.ts'
import { openUki, type Uki, type UkiOptions } from '../formats/uki/decode.ts'

/** A UKI that is open. Close it. */
export interface UkiFile extends Uki {
  readonly path: string
  readonly file: FileSource
  close(): Promise<void>
}

/**
 * Opens a UKI.
 *
 * @throws FormatError where it is none, FileError where it cannot be read.
 */
export async function openUkiFile(path: string, options: UkiOptions = {}): Promise<UkiFile> {
  const file = await openFileSource(path)
  try {
    const uki = await openUki(await openPe(file), options)
    return { ...uki, path, file, close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}
