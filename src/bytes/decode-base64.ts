/** Standard base64 (RFC 4648 §4) from bytes to bytes: no text is made of it, which could be a key. */

import { allocateSecret } from './secret.ts'

const INVALID = 0xff
const VALUES = new Uint8Array(256).fill(INVALID)
for (const [value, letter] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  VALUES[letter.charCodeAt(0)] = value
}
const PADDING = 0x3d
const BLANKS = [0x20, 0x09, 0x0d, 0x0a]

/**
 * Bytes of padded base64, in which blanks and line ends do not count; undefined where it is anything
 * else, also where bits are set behind the last byte. The result is the caller's to overwrite.
 */
export function decodeBase64(encoded: Uint8Array): Uint8Array | undefined {
  const digits = encoded.reduce((count, byte) => (BLANKS.includes(byte) ? count : count + 1), 0)
  if (digits % 4 !== 0) return undefined
  const decoded = allocateSecret((digits / 4) * 3)
  let [bits, count, padding] = [0, 0, 0]
  for (const byte of encoded) {
    if (BLANKS.includes(byte)) continue
    if (byte === PADDING) padding++
    const value = byte === PADDING ? 0 : VALUES[byte]!
    if (value === INVALID || (padding > 0 && byte !== PADDING)) return spoiled(decoded)
    bits = (bits << 6) | value
    if (++count % 4 !== 0) continue
    const end = (count / 4) * 3
    decoded.set([bits >> 16, (bits >> 8) & 0xff, bits & 0xff], end - 3)
    bits = 0
  }
  const size = decoded.length - padding
  const isCanonical = padding <= 2 && decoded.subarray(size).every((byte) => byte === 0)
  if (!isCanonical) return spoiled(decoded)
  return decoded.subarray(0, size)
}

function spoiled(decoded: Uint8Array): undefined {
  decoded.fill(0)
}
