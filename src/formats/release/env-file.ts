/**
 * os-release and extension-release files, read exactly as systemd reads them.
 *
 * The rules are those of `parse_env_file` in systemd's `src/basic/env-file.c`, described in
 * os-release(5). They are close to those of a shell and differ in the corners: no expansion, a
 * quote in the middle of a word is an ordinary character, blanks between quoted pieces vanish.
 */

import { FormatError } from '../../errors.ts'
import { decodeText, isText } from './text.ts'

/** One `KEY=VALUE` and the bytes it stands in, its line end not included. */
export interface Assignment {
  readonly key: string
  readonly value: string
  /** Byte offset of the key. */
  readonly start: number
  /** Byte offset behind the value. */
  readonly end: number
}

/** A range of bytes read by one of the scanners below. */
interface Scanned {
  readonly bytes: readonly number[]
  readonly end: number
}

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const QUOTE = 0x27
const DOUBLE_QUOTE = 0x22
const BACKSLASH = 0x5c
const EQUALS = 0x3d
/** What a backslash escapes inside double quotes: `"`, `\`, `` ` `` and `$`. */
const ESCAPABLE: ReadonlySet<number | undefined> = new Set([0x22, 0x5c, 0x60, 0x24])

/**
 * The fields of a file. A key given twice keeps its first place and its last value.
 *
 * @param name what to call the file in an error, for example `os-release`.
 * @throws FormatError where systemd refuses the whole file.
 */
export function parseEnvFile(bytes: Uint8Array, name: string): ReadonlyMap<string, string> {
  return new Map(parseAssignments(bytes, name).map(({ key, value }) => [key, value]))
}

/**
 * Every assignment of a file in order, duplicates included.
 *
 * @throws FormatError BAD_VALUE for a NUL byte, or a key or value that is not UTF-8.
 */
export function parseAssignments(bytes: Uint8Array, name: string): readonly Assignment[] {
  const nul = bytes.indexOf(0)
  if (nul >= 0) throw new FormatError(name, 'BAD_VALUE', 'NUL byte in a text file', { offset: nul })
  const assignments: Assignment[] = []
  let at = 0
  while (at < bytes.length) {
    if (isWhitespace(bytes[at])) {
      at++
    } else if (isComment(bytes[at])) {
      at = endOfLine(bytes, at)
    } else {
      const equals = findEquals(bytes, at)
      // A line without an equals sign is dropped, whatever it says.
      if (bytes[equals] !== EQUALS) {
        at = equals
        continue
      }
      const value = scanValue(bytes, equals + 1)
      assignments.push({
        key: decodeField(bytes.subarray(at, trimEnd(bytes, at, equals)), name, 'key', at),
        value: decodeField(Uint8Array.from(value.bytes), name, 'value', equals + 1),
        start: at,
        end: value.end,
      })
      at = value.end
    }
  }
  return assignments
}

/** Text of a file with these fields, one a line. */
export function formatEnvFile(fields: Iterable<readonly [key: string, value: string]>): string {
  let text = ''
  for (const [key, value] of fields) text += `${formatAssignment(key, value)}\n`
  return text
}

/**
 * One assignment, bare where nothing could be misread and in double quotes otherwise.
 *
 * @throws TypeError for a key that is no variable name, or a value no file can hold.
 */
export function formatAssignment(key: string, value: string): string {
  if (!isFieldName(key)) throw new TypeError(`not a field name: ${JSON.stringify(key)}`)
  if (value.includes('\0') || !isText(value)) {
    throw new TypeError(`not a field value: ${JSON.stringify(value)}`)
  }
  if (/^[A-Za-z0-9._-]+$/.test(value)) return `${key}=${value}`
  return `${key}="${value.replaceAll(/["\\`$]/g, '\\$&')}"`
}

/** Whether `key` is a variable name, which every reader of such files agrees on. */
export function isFieldName(key: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key)
}

/** Offset of the equals sign that ends a key, or of the line end. The first byte is always key. */
function findEquals(bytes: Uint8Array, start: number): number {
  let at = start + 1
  while (at < bytes.length && bytes[at] !== EQUALS && !isLineEnd(bytes[at])) at++
  return at
}

/** Quoted pieces with blanks between them dropped, then the rest of the line unquoted. */
function scanValue(bytes: Uint8Array, start: number): Scanned {
  const quoted: number[] = []
  let at = start
  for (;;) {
    while (isBlank(bytes[at])) at++
    const scan =
      bytes[at] === QUOTE ? scanSingle : bytes[at] === DOUBLE_QUOTE ? scanDouble : undefined
    if (!scan) break
    const piece = scan(bytes, at + 1)
    for (const byte of piece.bytes) quoted.push(byte)
    at = piece.end
  }
  const rest = scanUnquoted(bytes, at)
  return { bytes: quoted.concat(rest.bytes), end: rest.end }
}

/** Literal up to the next quote; the end of the file closes it too. */
function scanSingle(bytes: Uint8Array, start: number): Scanned {
  const quote = bytes.indexOf(QUOTE, start)
  if (quote < 0) return { bytes: [...bytes.subarray(start)], end: bytes.length }
  return { bytes: [...bytes.subarray(start, quote)], end: quote + 1 }
}

/** Up to the next bare double quote; the end of the file closes it too. */
function scanDouble(bytes: Uint8Array, start: number): Scanned {
  const read: number[] = []
  let at = start
  for (; at < bytes.length; at++) {
    if (bytes[at] === DOUBLE_QUOTE) return { bytes: read, end: at + 1 }
    if (bytes[at] !== BACKSLASH) {
      read.push(bytes[at]!)
      continue
    }
    at++
    if (at >= bytes.length || bytes[at] === NEWLINE) continue
    if (!ESCAPABLE.has(bytes[at])) read.push(BACKSLASH)
    read.push(bytes[at]!)
  }
  return { bytes: read, end: bytes.length }
}

/** Up to the line end, where a backslash makes the next character literal or joins two lines. */
function scanUnquoted(bytes: Uint8Array, start: number): Scanned {
  const read: number[] = []
  // Blanks at the end are dropped, but not those in front of a backslash.
  let kept = 0
  let at = start
  for (; at < bytes.length && !isLineEnd(bytes[at]); at++) {
    if (bytes[at] === BACKSLASH) {
      kept = read.length
      at++
      if (at >= bytes.length || isLineEnd(bytes[at])) continue
    } else if (isBlank(bytes[at])) {
      read.push(bytes[at]!)
      continue
    }
    read.push(bytes[at]!)
    kept = read.length
  }
  return { bytes: read.slice(0, kept), end: Math.min(at, bytes.length) }
}

function decodeField(bytes: Uint8Array, name: string, what: string, offset: number): string {
  const text = decodeText(bytes)
  if (text === undefined) {
    throw new FormatError(name, 'BAD_VALUE', `${what} is not valid UTF-8`, { offset })
  }
  return text
}

function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let trimmed = end
  while (trimmed > start && isWhitespace(bytes[trimmed - 1])) trimmed--
  return trimmed
}

function endOfLine(bytes: Uint8Array, start: number): number {
  let at = start
  while (at < bytes.length && !isLineEnd(bytes[at])) at++
  return at
}

/** A comment starts at `#` or `;` and always ends with its line. */
function isComment(byte: number | undefined): boolean {
  return byte === 0x23 || byte === 0x3b
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === NEWLINE || byte === CARRIAGE_RETURN
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09
}

function isWhitespace(byte: number | undefined): boolean {
  return isBlank(byte) || isLineEnd(byte)
}
