/** Standard base64, RFC 4648 §4: padded, no line breaks. */

const TEXT = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
// String.fromCharCode takes its characters as arguments, and there is a limit to those.
const CHUNK = 8192

/** Base64 text of `bytes`. */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let offset = 0; offset < bytes.length; offset += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(offset, offset + CHUNK))
  }
  return btoa(binary)
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
