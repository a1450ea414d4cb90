/** Text whose characters are bytes: ISO 8859-1, not the Windows code page of `TextDecoder`. */

const CHUNK = 8192

/** A character for each byte. */
export function decodeLatin1(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let offset = 0; offset < bytes.length; offset += CHUNK) {
    parts.push(String.fromCharCode(...bytes.subarray(offset, offset + CHUNK)))
  }
  return parts.join('')
}

/** A byte for each character, none of which is beyond U+00FF. */
export function encodeLatin1(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length }, (_, index) => text.charCodeAt(index))
}
