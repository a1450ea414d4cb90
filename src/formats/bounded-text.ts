/** Text of formats that others write by hand or print: bounded, and UTF-8. */

import { decodeUtf8 } from '../bytes/utf8.ts'
import { FormatError } from '../errors.ts'

/** @throws FormatError TOO_LARGE for more than `maximum` bytes, BAD_VALUE where it is not UTF-8. */
export function decodeBoundedText(bytes: Uint8Array, format: string, maximum: number): string {
  if (bytes.length > maximum) {
    const message = `${bytes.length} bytes, at most ${maximum} are read`
    throw new FormatError(format, 'TOO_LARGE', message)
  }
  const text = decodeUtf8(bytes)
  if (text === undefined) throw new FormatError(format, 'BAD_VALUE', 'text is not UTF-8')
  return text
}
