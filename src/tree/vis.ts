/**
 * Escapes of mtree files, a part of vis(3): `\` and three octal digits for a byte, `\s` for a blank,
 * `\\` for the backslash.
 */

import { decodeUtf8, encodeUtf8 } from '../bytes/utf8.ts'

const ESCAPE = /\\(?:([0-3][0-7]{2})|([s\\]))/y

/** The bytes `text` stands for. @throws SyntaxError for any other escape. */
export function decodeVis(text: string): Uint8Array {
  if (!text.includes('\\')) return encodeUtf8(text)
  const parts: Uint8Array[] = []
  for (let offset = 0; offset < text.length; ) {
    const backslash = text.indexOf('\\', offset)
    const end = backslash === -1 ? text.length : backslash
    parts.push(encodeUtf8(text.slice(offset, end)))
    if (backslash === -1) break
    ESCAPE.lastIndex = backslash
    const [found, octal, character] = ESCAPE.exec(text) ?? []
    if (found === undefined) {
      throw new SyntaxError(`"${text.slice(backslash, backslash + 4)}" is not an escape`)
    }
    if (octal) parts.push(Uint8Array.of(Number.parseInt(octal, 8)))
    else parts.push(encodeUtf8(character === 's' ? ' ' : '\\'))
    offset = ESCAPE.lastIndex
  }
  return Buffer.concat(parts)
}

/**
 * `bytes` as text that can be shown and read back: escaped are backslashes, control characters and
 * what is not UTF-8. Blanks stay.
 */
export function encodeVis(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes)
  if (text === undefined) return Array.from(bytes, escapeByte).join('')
  return text.replace(/[\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\\' ? '\\\\' : Array.from(encodeUtf8(character), octal).join(''),
  )
}

function escapeByte(byte: number): string {
  if (byte === 0x5c) return '\\\\'
  return byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : octal(byte)
}

function octal(byte: number): string {
  return `\\${byte.toString(8).padStart(3, '0')}`
}
