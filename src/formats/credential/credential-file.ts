/**
 * Files with credentials in them: base64 alone, as systemd-creds writes it, or a unit file or
 * drop-in with settings `SetCredentialEncrypted=` in it.
 */

import { fromBase64, toBase64 } from '../../bytes/base64.ts'
import { equalBytes } from '../../bytes/equal.ts'
import { decodeLatin1, encodeLatin1 } from '../../bytes/latin1.ts'
import { FormatError } from '../../errors.ts'
import { processSectionsOf } from '../unit-file.ts'
import { FORMAT, MAX_TEXT } from './layout.ts'
import { type Run, refill } from './refill.ts'
import { readUnitCredentials } from './unit-setting.ts'

/** A credential in a file. */
export interface HeldCredential {
  readonly bytes: Uint8Array
  /** What a unit says of it; undefined where the file has nothing but its base64. */
  readonly setting: CredentialSetting | undefined
  /** Where its base64 stands. */
  readonly runs: readonly Run[]
}

/** The setting of a unit that holds a credential. */
export interface CredentialSetting {
  /** From 1. */
  readonly line: number
  /** What the unit calls it; undefined where that depends on the unit (`%i`). */
  readonly unitName: string | undefined
  /** The name as it is written. */
  readonly written: string
  /** The line of the setting that takes its place; undefined: systemd uses it. */
  readonly replacedIn: number | undefined
}

export interface CredentialFile {
  /** A character is a byte. */
  readonly text: string
  /** Empty only for a unit. */
  readonly credentials: readonly HeldCredential[]
  /** Settings in it that systemd ignores; they are left as they are. */
  readonly notes: readonly string[]
  /** Where systemd looks for them, as {@link readUnitCredentials} is told. */
  readonly sections: readonly string[] | undefined
}

/**
 * Finds the credentials of a file, at least one.
 *
 * @param path by which systemd knows what a unit is for
 * @throws FormatError where there is none, or one that systemd would not read.
 */
export function parseCredentialFile(file: Uint8Array, path = ''): CredentialFile {
  const found = findCredentials(file, path)
  if (found.credentials.length > 0) return found
  throw new FormatError(FORMAT, 'BAD_VALUE', sayNone(found))
}

/** What a unit in which {@link findCredentials} has found none is told. */
export function sayNone({ notes }: CredentialFile): string {
  return `no credential is in this unit: ${notes[0] ?? 'it has no SetCredentialEncrypted='}`
}

/** {@link parseCredentialFile}, but a unit may have no credentials. */
export function findCredentials(file: Uint8Array, path = ''): CredentialFile {
  return readCredentials(file, processSectionsOf(path))
}

const LOOKS_LIKE_UNIT = /^[ \t]*\[|SetCredentialEncrypted/m
const NO_UNIT = { isUnit: false, credentials: [], notes: [] }

function readCredentials(
  file: Uint8Array,
  sections: readonly string[] | undefined,
): CredentialFile {
  if (file.length > MAX_TEXT) {
    throw new FormatError(FORMAT, 'TOO_LARGE', `${file.length} bytes of text, at most ${MAX_TEXT}`)
  }
  const text = decodeLatin1(file)
  const strange = text.search(/[^A-Za-z0-9+/= \t\r\n]/)
  const isEmptyUnit = sections !== undefined && !/[^ \t\r\n]/.test(text)
  if (strange < 0 && !isEmptyUnit) {
    return { text, credentials: [readBare(text)], notes: [], sections }
  }
  // A secret by mistake is none that systemd would refuse as a unit.
  const looksLikeUnit = sections !== undefined || LOOKS_LIKE_UNIT.test(text)
  const { isUnit, credentials, notes } = looksLikeUnit
    ? readUnitCredentials(text, sections)
    : NO_UNIT
  if (!isUnit) {
    throw new FormatError(FORMAT, 'BAD_VALUE', 'text is not base64', {
      offset: strange,
      hint: 'encrypted credentials are base64 text; is this a plain secret?',
    })
  }
  return {
    text,
    notes,
    sections,
    credentials: credentials.map(({ bytes, runs, ...setting }) => ({ bytes, runs, setting })),
  }
}

function readBare(text: string): HeldCredential {
  const words = [...text.matchAll(/[^ \t\r\n]+/g)]
  const bytes = fromBase64(words.map(([word]) => word).join(''))
  if (bytes === undefined) throw new FormatError(FORMAT, 'BAD_VALUE', 'base64 text is incomplete')
  if (bytes.length === 0) throw new FormatError(FORMAT, 'TRUNCATED', 'there is nothing in it')
  const runs = words.map(({ 0: word, index }) => ({ start: index, end: index + word.length }))
  return { bytes, runs, setting: undefined }
}

/**
 * The file with other credentials in the place of some that are in it. Every other byte is as it
 * was, and so are the lines: their length, their indent, the comments between them.
 *
 * @param replaced by credentials of `file`
 * @throws FormatError TOO_LARGE where the file would have a line that systemd does not read.
 */
export function replaceCredentials(
  file: CredentialFile,
  replaced: ReadonlyMap<HeldCredential, Uint8Array>,
): Uint8Array {
  const parts: string[] = []
  let end = 0
  for (const held of file.credentials) {
    const bytes = replaced.get(held)
    if (bytes === undefined) continue
    const { runs } = held
    parts.push(file.text.slice(end, runs[0]!.start), refill(file.text, runs, toBase64(bytes)))
    end = runs.at(-1)!.end
  }
  const result = encodeLatin1([...parts, file.text.slice(end)].join(''))
  assertReadBack(result, file, replaced)
  return result
}

function assertReadBack(
  result: Uint8Array,
  { credentials, sections }: CredentialFile,
  replaced: ReadonlyMap<HeldCredential, Uint8Array>,
): void {
  const read = readCredentials(result, sections).credentials
  const isSame =
    read.length === credentials.length &&
    credentials.every((held, index) => {
      const { bytes, setting } = read[index]!
      return (
        equalBytes(bytes, replaced.get(held) ?? held.bytes) &&
        setting?.written === held.setting?.written
      )
    })
  if (!isSame) throw new Error('a rewritten credential file is not read back')
}
