/** Passphrases from files or pipes, never from a command line. */

import { copySecret } from '../bytes/secret.ts'
import { KeyError } from '../errors.ts'
import { readKeyFile } from './read-key-file.ts'

/** A passphrase; the bytes are the caller's to overwrite. */
export interface Passphrase {
  readonly bytes: Uint8Array
  readonly warnings: readonly string[]
}

/** Longest passphrase OpenSSL takes for a PEM file. */
const MAX_SIZE = 1023

/**
 * The content of a file without the one newline an editor leaves at its end.
 *
 * @throws KeyError NOT_FOUND, UNREADABLE; PASSPHRASE_NEEDED where it is empty.
 */
export async function readPassphraseFile(path: string): Promise<Passphrase> {
  const { bytes: content, readableByOthers } = await readKeyFile(path, 'passphrase file')
  try {
    const end = content.at(-1) !== 0x0a ? 0 : content.at(-2) === 0x0d ? 2 : 1
    const bytes = copySecret(content.subarray(0, content.length - end))
    if (bytes.length === 0) {
      throw new KeyError('PASSPHRASE_NEEDED', `passphrase file ${path} is empty`)
    }
    if (bytes.length > MAX_SIZE) {
      bytes.fill(0)
      throw new KeyError(
        'UNREADABLE',
        `passphrase file ${path} holds more than the ${MAX_SIZE} bytes a passphrase may have`,
      )
    }
    const warnings = readableByOthers
      ? [`passphrase file ${path} can be read by other users (chmod 600 it)`]
      : []
    return { bytes, warnings }
  } finally {
    content.fill(0)
  }
}
