import { createCipheriv, createDecipheriv } from 'node:crypto'

/** AES in CFB mode with 128-bit feedback: as many bytes as went in. The key has 16, 24 or 32 bytes. */
export function encryptAesCfb(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return viewOf(createCipheriv(cipherFor(key), key, iv).update(plaintext))
}

/** The inverse of {@link encryptAesCfb}. There is no checksum: wrong keys give wrong bytes. */
export function decryptAesCfb(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return viewOf(createDecipheriv(cipherFor(key), key, iv).update(ciphertext))
}

/** The bytes that OpenSSL has given, and not a copy: there is one secret less to overwrite. */
function viewOf(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

function cipherFor(key: Uint8Array): string {
  return `aes-${key.length * 8}-cfb`
}
