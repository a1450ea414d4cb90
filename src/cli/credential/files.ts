/** The files of `extsign cred`: `-` is standard input or output, results are for their owner only. */

import { FileError } from '../../errors.ts'
import { writeOutput } from '../../files/output.ts'
import { readSmallFile } from '../../files/text.ts'
import { MAX_PLAINTEXT, MAX_TEXT } from '../../formats/credential/layout.ts'
import { readKeyFile } from '../../keys/read-key-file.ts'
import type { Context } from '../context.ts'

export const STANDARD = '-'
const MODE = 0o600

/** What a file is called in messages. */
export function nameOfInput(path: string): string {
  return path === STANDARD ? 'standard input' : path
}

/** The bytes to be sealed; the caller overwrites them. @throws KeyError, FileError TOO_LARGE */
export async function readSecret(path: string, context: Context): Promise<Uint8Array> {
  if (path !== STANDARD) return (await readKeyFile(path, 'secret')).bytes
  return (await context.readInput(MAX_PLAINTEXT)) ?? tooLarge(MAX_PLAINTEXT)
}

/** A credential's text. @throws FileError */
export async function readCredentialFile(path: string, context: Context): Promise<Uint8Array> {
  if (path !== STANDARD) return readSmallFile(path, { maximum: MAX_TEXT })
  return (await context.readInput(MAX_TEXT)) ?? tooLarge(MAX_TEXT)
}

/** Writes a file of mode 0600, whole or not at all. @throws FileError */
export async function writePrivate(path: string, bytes: Uint8Array, force: boolean): Promise<void> {
  await writeOutput(path, bytes, { force, mode: MODE })
}

function tooLarge(maximum: number): never {
  throw new FileError('TOO_LARGE', `standard input has more than ${maximum} bytes`)
}
