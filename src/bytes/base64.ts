/** Standard base64, RFC 4648 §4: padded, no line breaks. */

const ALPHABET = new TextEncoder().encode(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
)
const PADDING = 0x3d
/** What is no digit. */
const NONE = 0xff
/** The value of each character of Latin-1 as a digit. */
const VALUES = new Uint8Array(256).fill(NONE)
ALPHABET.forEach((character, value) => {
  VALUES[character] = value
})
const decoder = new TextDecoder('latin1')

/** Base64 text of `bytes`. */
export function toBase64(bytes: Uint8Array): string {
  const text = new Uint8Array(4 * Math.ceil(bytes.length / 3)).fill(PADDING)
  let end = 0
  for (let offset = 0; offset < bytes.length; offset += 3) {
    const left = bytes.length - offset
    const group =
      (bytes[offset]! << 16) | ((bytes[offset + 1] ?? 0) << 8) | (bytes[offset + 2] ?? 0)
    text[end++] = ALPHABET[group >> 18]!
    text[end++] = ALPHABET[(group >> 12) & 63]!
    if (left > 1) text[end++] = ALPHABET[(group >> 6) & 63]!
    if (left > 2) text[end++] = ALPHABET[group & 63]!
  }
  return decoder.decode(text)
}

/** Bytes of base64 text, or undefined where it is not exactly what {@link toBase64} writes. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const digits = text.length - padding
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4))
  let bits = 0
  let end = 0
  for (let index = 0; index < digits; index++) {
    const value = VALUES[text.charCodeAt(index)] ?? NONE
    if (value === NONE) return undefined
    bits = ((bits << 6) | value) & 0xffffff
    // After the second digit of a group its first byte is complete, and so on.
    if (index % 4 > 0) bytes[end++] = bits >> (6 - 2 * (index % 4))
  }
  // Unused bits before the padding: another text for the same bytes.
  const unused = bits & ((1 << (2 * padding)) - 1)
  return unused === 0 ? bytes : undefined
}
