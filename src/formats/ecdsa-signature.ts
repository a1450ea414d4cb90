/**
 * ECDSA signatures: the DER that X.509 and PKCS#7 want (ECDSA-Sig-Value, RFC 3279 §2.2.3), from the
 * two numbers back to back that tokens and some services give (IEEE P1363).
 */

import { concat } from '../bytes/concat.ts'
import { FormatError } from '../errors.ts'

/** P-521 has the largest numbers, of 66 bytes. */
const MAX_SIZE = 2 * 66

/**
 * `r` and `s`, each of half the bytes, as ECDSA-Sig-Value.
 *
 * @throws FormatError where these cannot be two numbers of one size.
 */
export function encodeEcdsaSignature(plain: Uint8Array): Uint8Array {
  if (plain.length === 0 || plain.length % 2 !== 0 || plain.length > MAX_SIZE) {
    const message = `${plain.length} bytes are not r and s of one size`
    throw new FormatError('ECDSA signature', 'BAD_VALUE', message)
  }
  const half = plain.length / 2
  const content = concat(integer(plain.subarray(0, half)), integer(plain.subarray(half)))
  // SEQUENCE { r INTEGER, s INTEGER }
  const size = content.length < 0x80 ? [content.length] : [0x81, content.length]
  return concat(Uint8Array.of(0x30, ...size), content)
}

/** INTEGER in its shortest form: no zeros in front but the one that keeps it positive. */
function integer(bytes: Uint8Array): Uint8Array {
  const found = bytes.findIndex((byte) => byte !== 0)
  const digits = bytes.subarray(found < 0 ? bytes.length - 1 : found)
  const sign = digits[0]! >= 0x80 ? [0] : []
  return concat(Uint8Array.of(0x02, digits.length + sign.length, ...sign), digits)
}
