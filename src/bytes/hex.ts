const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal text of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += PAIRS[byte]
  return text
}

/** Bytes of hexadecimal text of either case, or undefined where it is not hexadecimal. */
export function fromHex(text: string): Uint8Array | undefined {
  // One class alone: a group that is repeated takes stack for each pair, and a long text all of it.
  if (text.length % 2 !== 0 || /[^0-9a-fA-F]/.test(text)) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16)
  }
  return bytes
}
