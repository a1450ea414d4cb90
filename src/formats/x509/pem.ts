/** PEM (RFC 7468): base64 between two lines that say what it is. */

import { toBase64 } from '../../bytes/base64.ts'
import { decodeBase64 } from '../../bytes/decode-base64.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'

/** One block of a PEM file. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string
  /** Of a key that is secret, the caller's to overwrite. */
  readonly der: Uint8Array
  /** Whether it has RFC 1421 headers (`Proc-Type: 4,ENCRYPTED`), in which case `der` is empty. */
  readonly hasHeaders: boolean
}

const BEGIN = encodeUtf8('-----BEGIN ')
/** The label and all blanks that may be behind the line. */
const MAX_LINE = 256
const BEGIN_LINE = /^-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?$/
const NEWLINE = 0x0a
const COLON = 0x3a

/**
 * All blocks of a PEM text, in order; text around them is ignored. What is between the two lines of a
 * block never becomes a text, which could not be overwritten.
 *
 * @throws FormatError where a block does not end or holds something else than base64.
 */
export function parsePem(pem: string | Uint8Array): PemBlock[] {
  const bytes = typeof pem === 'string' ? encodeUtf8(pem) : pem
  const blocks: PemBlock[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const next = endOfLine(bytes, offset)
    const label = readLabel(bytes.subarray(offset, next))
    offset = next + 1
    if (label === undefined) continue
    const end = findEnd(bytes, next, encodeUtf8(`-----END ${label}-----`))
    if (end === undefined) throw new FormatError('pem', 'TRUNCATED', `block ${label} has no end`)
    blocks.push(readBlock(label, bytes.subarray(offset, end)))
    offset = end
  }
  return blocks
}

/** One PEM block, lines of 64 characters, with a final newline. */
export function formatPem(label: string, der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

function readBlock(label: string, content: Uint8Array): PemBlock {
  if (content.includes(COLON)) return { label, der: new Uint8Array(), hasHeaders: true }
  const der = decodeBase64(content)
  if (!der) throw new FormatError('pem', 'BAD_VALUE', `block ${label} is not base64`)
  return { label, der, hasHeaders: false }
}

function endOfLine(bytes: Uint8Array, offset: number): number {
  const found = bytes.indexOf(NEWLINE, offset)
  return found < 0 ? bytes.length : found
}

function readLabel(line: Uint8Array): string | undefined {
  if (line.length > MAX_LINE || !startsWith(line, 0, BEGIN)) return undefined
  return BEGIN_LINE.exec(new TextDecoder('latin1').decode(line))?.[1]
}

/** Where the line `mark` begins, looked for behind the newline at `newline`. */
function findEnd(bytes: Uint8Array, newline: number, mark: Uint8Array): number | undefined {
  for (let at = newline; at < bytes.length; at = endOfLine(bytes, at + 1)) {
    if (startsWith(bytes, at + 1, mark)) return at + 1
  }
  return undefined
}

function startsWith(bytes: Uint8Array, offset: number, start: Uint8Array): boolean {
  return start.every((byte, index) => bytes[offset + index] === byte)
}
