/** PEM (RFC 7468): base64 between two lines that say what it is. */

import { fromBase64, toBase64 } from '../../bytes/base64.ts'
import { FormatError } from '../../errors.ts'

/** One block of a PEM file. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string
  readonly der: Uint8Array
  /** Whether it has RFC 1421 headers (`Proc-Type: 4,ENCRYPTED`), in which case `der` is empty. */
  readonly hasHeaders: boolean
}

const BLOCK = /^-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?$/m

/**
 * All blocks of a PEM text, in order; text around them is ignored.
 *
 * @throws FormatError where a block does not end or holds something else than base64.
 */
export function parsePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = []
  let rest = text
  for (;;) {
    const begin = BLOCK.exec(rest)
    if (!begin) return blocks
    const label = begin[1]!
    const body = rest.slice(begin.index + begin[0].length)
    const end = body.indexOf(`\n-----END ${label}-----`)
    if (end < 0) throw new FormatError('pem', 'TRUNCATED', `block ${label} has no end`)
    const content = body.slice(0, end)
    const hasHeaders = content.includes(':')
    blocks.push({
      label,
      der: hasHeaders ? new Uint8Array() : decodeBase64(content, label),
      hasHeaders,
    })
    rest = body.slice(end + 1)
  }
}

/** One PEM block, lines of 64 characters, with a final newline. */
export function formatPem(label: string, der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

function decodeBase64(content: string, label: string): Uint8Array {
  const der = fromBase64(content.replace(/[ \t\r\n]/g, ''))
  if (!der) throw new FormatError('pem', 'BAD_VALUE', `block ${label} is not base64`)
  return der
}
