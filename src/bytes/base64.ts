/** Standard base64, RFC 4648 §4: padded, no line breaks. */

const TEXT = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const ALPHABET = new TextEncoder().encode(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
)
const PADDING = 0x3d
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
  if (!TEXT.test(text)) return undefined
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  // Unused bits before the padding: another text for the same bytes.
  return toBase64(bytes.subarray(bytes.length - (bytes.length % 3))) === lastGroup(text, bytes)
    ? bytes
    : undefined
}

function lastGroup(text: string, bytes: Uint8Array): string {
  return bytes.length % 3 === 0 ? '' : text.slice(-4)
}
