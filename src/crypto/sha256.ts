import { createHash, createHmac, hash } from 'node:crypto'

/**
 * SHA-256 of `parts` one after the other: 32 bytes, as OpenSSL has given them and not a copy, so that
 * a digest that is a key can be overwritten.
 */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (parts.length === 1 && only) return viewOf(hash('sha256', only, 'buffer'))
  const state = createHash('sha256')
  for (const part of parts) state.update(part)
  return viewOf(state.digest())
}

/** HMAC-SHA256, RFC 2104: 32 bytes, no copy of them either. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  return viewOf(createHmac('sha256', key).update(message).digest())
}

function viewOf(digest: Buffer): Uint8Array {
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length)
}
