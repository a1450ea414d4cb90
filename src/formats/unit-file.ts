/**
 * The lines of a unit file or drop-in as systemd reads them: systemd.syntax(7), and what
 * `systemd-analyze verify` of systemd 257 and 262 says of the cases that it leaves open.
 */

import { encodeLatin1 } from '../bytes/latin1.ts'
import { decodeUtf8 } from '../bytes/utf8.ts'
import { FormatError } from '../errors.ts'

const FORMAT = 'unit file'

/** Most bytes of a line, and of all lines that a backslash joins; systemd refuses the whole file. */
export const MAX_LINE = 1024 * 1024

/** NUL and the lone carriage return end a line too. */
const LINE_END = /(?:\r\n|\n\r|\n|\r)\0?|\0/g
const COMMENT = /^[ \t]*[#;]/
const BEYOND_ASCII = /[\x80-\xff]/
const BYTE_ORDER_MARK = '\xef\xbb\xbf'

/** Characters of a joined line that stand side by side in the file too. */
interface Piece {
  /** Where they begin in the joined line. */
  readonly at: number
  /** Where they begin in the file. */
  readonly offset: number
}

/** A setting, `Key=value`, in a section or in front of all of them. */
export interface UnitSetting {
  readonly section: string | undefined
  readonly key: string
  /** Blanks at both ends removed; lines that a backslash joins have a blank in its place. */
  readonly value: string
  /** The line, from 1, in which it begins. */
  readonly line: number
  /** Byte of the file at which a character of the value stands. */
  readonly offsetOf: (index: number) => number
}

/** A section's header. */
export interface UnitSection {
  readonly section: string
  readonly key: undefined
  readonly line: number
}

/**
 * Headers and settings in the order of the file; all other lines are left out.
 *
 * @param text the bytes of the file as Latin-1: a character is a byte
 * @throws FormatError TOO_LARGE where a line is longer than systemd reads.
 */
export function* readUnitFile(text: string): Generator<UnitSection | UnitSetting> {
  let section: string | undefined
  for (const { joined, pieces, line } of joinLines(text)) {
    const start = skipBlanks(joined, 0)
    const content = withoutBlanksAtEnd(joined)
    if (start >= content.length) continue
    if (content[start] === '[') {
      section = content.slice(start + 1, content.endsWith(']') ? -1 : undefined)
      yield { section, key: undefined, line }
      continue
    }
    const equals = content.indexOf('=', start)
    if (equals < 0) continue
    const begin = skipBlanks(content, equals + 1)
    yield {
      section,
      key: withoutBlanksAtEnd(content.slice(start, equals)),
      value: content.slice(begin),
      line,
      offsetOf: (index) => offsetIn(pieces, begin + index),
    }
  }
}

/**
 * Refuses what systemd refuses as a whole because of one line that is not text. Comments may be anything.
 *
 * @param text as for {@link readUnitFile}
 * @throws FormatError BAD_VALUE
 */
export function assertUnitText(text: string): void {
  for (const { joined, line } of joinLines(text)) {
    if (!BEYOND_ASCII.test(joined) || isText(encodeLatin1(joined))) continue
    const message = `line ${line} is not UTF-8 text, and systemd refuses the file`
    throw new FormatError(FORMAT, 'BAD_VALUE', message)
  }
}

/** UTF-8 without the code points that are no characters and never will be. */
function isText(bytes: Uint8Array): boolean {
  const text = decodeUtf8(bytes)
  return text !== undefined && !/\p{Noncharacter_Code_Point}/u.test(text)
}

interface JoinedLine {
  readonly joined: string
  readonly pieces: readonly Piece[]
  readonly line: number
}

/** Comments are left out before lines are joined, also between two that are. */
function* joinLines(text: string): Generator<JoinedLine> {
  let open: { joined: string[]; pieces: Piece[]; line: number; length: number } | undefined
  let hasMark = false
  for (const { content: whole, offset, line } of splitLines(text)) {
    if (whole.length >= MAX_LINE) throw tooLong(line)
    if (COMMENT.test(whole)) continue
    const isMarked: boolean = !hasMark && whole.startsWith(BYTE_ORDER_MARK)
    hasMark ||= isMarked
    const content = isMarked ? whole.slice(BYTE_ORDER_MARK.length) : whole
    open ??= { joined: [], pieces: [], line, length: 0 }
    if (open.length + content.length > MAX_LINE) throw tooLong(open.line)
    const isJoined = endsInBackslash(content)
    open.pieces.push({
      at: open.length,
      offset: offset + whole.length - content.length,
    })
    open.joined.push(isJoined ? `${content.slice(0, -1)} ` : content)
    open.length += content.length
    if (isJoined) continue
    yield { joined: open.joined.join(''), pieces: open.pieces, line: open.line }
    open = undefined
  }
  if (open) yield { joined: open.joined.join(''), pieces: open.pieces, line: open.line }
}

function* splitLines(text: string) {
  let offset = 0
  let line = 1
  for (const { 0: end, index } of text.matchAll(LINE_END)) {
    yield { content: text.slice(offset, index), offset, line: line++ }
    offset = index + end.length
  }
  if (offset < text.length) yield { content: text.slice(offset), offset, line }
}

/** A backslash behind a backslash is none of its own. */
function endsInBackslash(line: string): boolean {
  let start = line.length
  while (start > 0 && line[start - 1] === '\\') start--
  return (line.length - start) % 2 === 1
}

/** Blank, tab and the ends of lines, and no other character that JavaScript calls white space. */
const BLANKS = ' \t\r\n'

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && BLANKS.includes(text[at]!)) at++
  return at
}

function withoutBlanksAtEnd(text: string): string {
  let end = text.length
  while (end > 0 && BLANKS.includes(text[end - 1]!)) end--
  return text.slice(0, end)
}

function offsetIn(pieces: readonly Piece[], index: number): number {
  let from = 0
  let to = pieces.length
  while (to - from > 1) {
    const middle = (from + to) >> 1
    if (pieces[middle]!.at <= index) from = middle
    else to = middle
  }
  const { at, offset } = pieces[from]!
  return offset + index - at
}

function tooLong(line: number): FormatError {
  const message = `line ${line} has more than ${MAX_LINE} bytes, and systemd refuses the file`
  return new FormatError(FORMAT, 'TOO_LARGE', message)
}
