/** Distinguished names: their exact bytes, which readers compare, and text for people. */

import { decodeUtf8 } from '../../bytes/utf8.ts'
import { type Element, Tag } from './der.ts'
import { assertTag, Fields, readMany, readOid } from './der-values.ts'

/** Name, RFC 5280 §4.1.2.4. */
export interface DistinguishedName {
  /** The DER, as it is copied into a SignerInfo and compared by readers. */
  readonly der: Uint8Array
  /** In the order of the certificate: `CN=release, O=Example`. Control characters are escaped. */
  readonly text: string
}

const ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.4', 'SN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'street'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.42', 'GN'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
])

const MAX_PARTS = 256

/** Reads a Name. */
export function readName(element: Element, what: string): DistinguishedName {
  assertTag(element, Tag.sequence, what)
  const parts = readMany(element, `${what} parts`, MAX_PARTS).map((set) => {
    assertTag(set, Tag.set, `${what} part`)
    return readMany(set, `${what} attributes`, MAX_PARTS)
      .map((attribute) => {
        const fields = new Fields(attribute, `${what} attribute`)
        const oid = readOid(fields.next('type'), `${what} attribute type`)
        const value = fields.next('value')
        fields.end()
        return `${ATTRIBUTES.get(oid) ?? oid}=${escapeText(readText(value))}`
      })
      .join(' + ')
  })
  return { der: element.raw, text: parts.join(', ') }
}

/** Text of any of the string types; what is no text becomes U+FFFD rather than an error. */
function readText({ tag, content }: Element): string {
  if (tag === 0x0c) return decodeUtf8(content) ?? '\ufffd'
  const width = tag === 0x1e ? 2 : tag === 0x1c ? 4 : 1
  let text = ''
  for (let at = 0; at + width <= content.length; at += width) {
    const code = content.subarray(at, at + width).reduce((value, byte) => value * 256 + byte, 0)
    text += code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
  }
  return text
}

/** Keeps what a stranger wrote into a name from moving the cursor or looking like another field. */
function escapeText(text: string): string {
  return text
    .replace(/[\\,+="<>;]/g, (character) => `\\${character}`)
    .replace(
      /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
      (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
    )
}
